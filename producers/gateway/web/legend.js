// The colours of a style over its values.

const TICKS_MAX = 8;

export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 1 ? 1 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

export function drawLegend(canvas, ticks, stops, units) {
  const low = stops[0].value;
  const high = stops[stops.length - 1].value;
  const share = (value) => (value - low) / (high - low);
  const context = canvas.getContext("2d");
  const ramp = context.createLinearGradient(0, 0, canvas.width, 0);
  for (const stop of stops) ramp.addColorStop(share(stop.value), stop.colour);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = ramp;
  context.fillRect(0, 0, canvas.width, canvas.height);

  const step = niceStep((high - low) / TICKS_MAX);
  const marks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) {
    const mark = document.createElement("span");
    mark.textContent = number(n * step);
    mark.style.left = `${100 * share(n * step)}%`;
    marks.push(mark);
  }
  if (marks.length) marks[marks.length - 1].textContent += ` ${units}`;
  ticks.replaceChildren(...marks);
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9));
}
