// The map page: which layer is shown, and what the queue does meanwhile.

import { leaflet as L } from "/assets/leaflet/index.js";
import { graticule, position } from "/assets/graticule.js";
import { drawLegend, number } from "/assets/legend.js";

const LIVE_EVERY_MS = 1000;
const TRIES_MAX = 6;
const ZOOM_MAX = 9;

const element = (id) => document.getElementById(id);

const map = L.map("map", {
  center: [20, 0],
  zoom: 3,
  minZoom: 1,
  maxZoom: ZOOM_MAX,
  zoomControl: false,
  attributionControl: false,
  worldCopyJump: true,
  maxBounds: [[-85.06, -Infinity], [85.06, Infinity]],
});
L.control.zoom({ position: "bottomright" }).addTo(map);
graticule(L).addTo(map);
map.on("mousemove", (event) => (element("position").textContent = position(event.latlng)));
map.on("mouseout", () => (element("position").textContent = "–"));

let layers = [];
let tiles = null;
let shownTime = null;

function show() {
  const layer = layers.find((each) => each.name === element("layer").value);
  const style = layer.styles.find((each) => each.name === element("style").value);
  const time = layer.times[Number(element("step").value)];
  shownTime = time;
  element("time").textContent = moment(time);
  element("run").textContent = moment(layer.reference_time);
  element("range").textContent = layer.value_range
    ? `${number(layer.value_range[0])} to ${number(layer.value_range[1])} ${layer.units}`
    : "all missing";
  drawLegend(element("ramp"), element("ticks"), style, style.units);

  const before = tiles;
  const path = [layer.name, style.name].map(encodeURIComponent).join("/");
  tiles = L.tileLayer(`/tiles/${path}/{z}/{x}/{y}.png?time=${encodeURIComponent(time)}`, {
    maxZoom: ZOOM_MAX,
    className: "weather",
  });
  tiles.on("tileerror", retry);
  tiles.once("load", () => before?.remove());
  tiles.addTo(map);
  history.replaceState(null, "", `#${path}`);
}

// A tile that was not drawn in time is asked for again; its job goes on meanwhile.
function retry({ tile, coords, target }) {
  const tries = Number(tile.dataset.tries ?? 0) + 1;
  if (tries > TRIES_MAX) return;
  tile.dataset.tries = tries;
  setTimeout(() => {
    if (target === tiles && tile.isConnected) tile.src = `${target.getTileUrl(coords)}&try=${tries}`;
  }, 2000);
}

function fill(select, names, titles, wanted) {
  select.replaceChildren(...names.map((name, i) => new Option(titles[i], name)));
  select.value = names.includes(wanted) ? wanted : names[0];
}

function pickLayer(wantedStyle) {
  const layer = layers.find((each) => each.name === element("layer").value);
  const names = layer.styles.map((each) => each.name);
  element("step").max = layer.times.length - 1;
  element("step").disabled = layer.times.length < 2;
  const step = layer.times.indexOf(shownTime ?? layer.time);
  element("step").value = step < 0 ? layer.times.indexOf(layer.time) : step;
  fill(element("style"), names, names.map((name) => name.replaceAll("_", " ")), wantedStyle);
  show();
}

function moment(iso) {
  const [day, time] = new Date(iso).toISOString().split("T");
  return `${day} ${time.slice(0, 5)} UTC`;
}

async function json(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(8000) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

async function live() {
  try {
    const now = await json("/api/live");
    element("per-second").textContent = number(now.per_second);
    for (const name of ["waiting", "running", "completed", "dead", "workers"]) {
      element(name).textContent = now[name].toLocaleString("en");
    }
    element("dead").parentElement.classList.toggle("bad", now.dead > 0);
    notice("");
  } catch (error) {
    notice(`The server does not answer: ${error.message}`);
  }
  setTimeout(live, LIVE_EVERY_MS);
}

function notice(text) {
  element("notice").hidden = !text;
  element("notice").textContent = text;
}

async function start() {
  const [wantedLayer, wantedStyle] = location.hash.slice(1).split("/").map(decodeURIComponent);
  element("layer").addEventListener("change", () => pickLayer());
  element("style").addEventListener("change", show);
  element("step").addEventListener("input", show);
  try {
    layers = await json("/api/layers");
  } catch (error) {
    return notice(`No layers: ${error.message}`);
  }
  if (layers.length === 0) return notice("There are no layers yet: ingest a forecast, then reload.");
  const titles = layers.map((layer) => layer.title);
  fill(element("layer"), layers.map((layer) => layer.name), titles, wantedLayer);
  pickLayer(wantedStyle);
  const [south, west, north, east] = layers[0].bounds ?? [];
  if (layers[0].bounds) map.fitBounds([[south, west], [north, east]]);
  live();
}

start();
