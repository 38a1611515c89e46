// The colours of a style over its values: the ticks are equally far apart, their values
// need not be.

const TICK_PX_MIN = 34;

export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 1 ? 1 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

export function drawLegend(canvas, ticks, style, units) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = style.ramp[Math.floor((x * style.ramp.length) / canvas.width)];
    context.fillRect(x, 0, 1, canvas.height);
  }

  const last = style.ticks.length - 1;
  const every = Math.ceil((TICK_PX_MIN * last) / canvas.clientWidth);
  const marks = style.ticks.flatMap((value, i) => {
    if (i % every !== 0) return [];
    const mark = document.createElement("span");
    mark.textContent = number(value);
    mark.style.left = `${(100 * i) / last}%`;
    return [mark];
  });
  marks[0].textContent += ` ${units}`;
  ticks.replaceChildren(...marks);
}
