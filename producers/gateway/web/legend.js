// The colours of a style over its values, with ticks where the style says. A style that only
// draws lines has none.

const TICK_PX_MIN = 34;

export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 1 ? 1 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

export function drawLegend(canvas, ticks, style, units) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (style.ramp.length === 0) return ticks.replaceChildren();
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = style.ramp[Math.floor((x * style.ramp.length) / canvas.width)];
    context.fillRect(x, 0, 1, canvas.height);
  }

  let free = -Infinity;
  const marks = style.ticks.flatMap(({ place, text }) => {
    const x = place * canvas.clientWidth;
    if (x < free) return [];
    free = x + TICK_PX_MIN;
    const mark = document.createElement("span");
    mark.textContent = text;
    mark.style.left = `${100 * place}%`;
    return [mark];
  });
  marks[0].textContent += ` ${units}`;
  ticks.replaceChildren(...marks);
}
