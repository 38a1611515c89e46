// Meridians and parallels with their degrees: the map has no coastline to go by.

const STEPS = [45, 30, 30, 15, 10, 5, 2, 1, 0.5, 0.25];
const LINE = { color: "#1b2733", weight: 0.6, opacity: 0.38, interactive: false };
const MAIN_LINE = { ...LINE, weight: 1.1, opacity: 0.6 };
const LATITUDE_MAX = 85.06;

export function graticule(L) {
  const lines = L.layerGroup();
  const drawNow = () => draw(L, lines);
  lines.on("add", ({ target }) => {
    target._map.on("moveend zoomend resize", drawNow);
    drawNow();
  });
  return lines;
}

export function position({ lat, lng }) {
  return `${degrees(lat, "N", "S", 2)}   ${degrees(wrapped(lng), "E", "W", 2)}`;
}

function draw(L, lines) {
  const map = lines._map;
  const bounds = map.getBounds();
  const step = STEPS[Math.min(map.getZoom(), STEPS.length - 1)];
  const west = bounds.getWest();
  const east = bounds.getEast();
  const south = Math.max(bounds.getSouth(), -LATITUDE_MAX);
  const north = Math.min(bounds.getNorth(), LATITUDE_MAX);
  const size = map.getSize();
  const leftEdge = map.containerPointToLatLng([size.x - 44, 0]).lng;
  const topEdge = map.containerPointToLatLng([0, size.y - 20]).lat;

  lines.clearLayers();
  for (const lng of multiples(west, east, step)) {
    const style = wrapped(lng) % 180 === 0 ? MAIN_LINE : LINE;
    L.polyline([[south, lng], [north, lng]], style).addTo(lines);
    label(L, lines, [topEdge, lng], degrees(wrapped(lng), "E", "W"), [0, 0]);
  }
  for (const lat of multiples(south, north, step)) {
    L.polyline([[lat, west], [lat, east]], lat === 0 ? MAIN_LINE : LINE).addTo(lines);
    label(L, lines, [lat, leftEdge], degrees(lat, "N", "S"), [0, 16]);
  }
}

function label(L, lines, place, text, anchor) {
  const icon = L.divIcon({ className: "graticule-label", html: text, iconSize: null, iconAnchor: anchor });
  L.marker(place, { icon, interactive: false, keyboard: false }).addTo(lines);
}

function* multiples(low, high, step) {
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) yield n * step;
}

function wrapped(lng) {
  const turned = (((lng + 180) % 360) + 360) % 360;
  return turned === 0 ? 180 : turned - 180;
}

function degrees(value, positive, negative, digits) {
  const size = Math.abs(value);
  const text = digits === undefined ? String(size) : size.toFixed(digits);
  const side = size === 0 || size === 180 ? "" : value > 0 ? positive : negative;
  return `${text}°${side}`;
}
