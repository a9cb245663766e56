"use strict";
// Tooltips, legends, the sample slider and the copy buttons. The page reads well without them.

const grouped = (n) => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ",");

function shown(value) {
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e7 || size < 1e-4) return value.toExponential(4).replace("-", "−");
  return value.toPrecision(size >= 1e5 ? 7 : 5).replace("-", "−");
}

function nearest(points, x) {
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle + 1; else high = middle;
  }
  return low > 0 && x - points[low - 1][0] < points[low][0] - x ? low - 1 : low;
}

function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function chart(figure) {
  const plot = figure.querySelector(".plot");
  if (!plot) return;
  const data = JSON.parse(figure.querySelector("script").textContent);
  const area = figure.querySelector(".area");
  const lines = [...figure.querySelectorAll(".line")];
  const keys = [...figure.querySelectorAll(".legend button")];
  const stops = [...new Set(data.series.flatMap((s) => s.map((p) => p[0])))].sort((a, b) => a - b);
  const places = stops.map((x) => [x]);
  let at = null, parts = [];

  const clear = () => { parts.forEach((p) => p.remove()); parts = []; at = null; };
  function show(x) {
    clear();
    at = x;
    const left = 100 * x / data.end;
    const cross = element("div", "cross", area);
    cross.style.left = left + "%";
    const tip = element("div", "tip", area);
    parts.push(cross, tip);
    element("div", "at", tip, grouped(x) + " images");
    data.series.forEach((points, k) => {
      if (!points.length || lines[k].classList.contains("off")) return;
      const i = nearest(points, x);
      // A value far from the cross would be a claim about a moment that was not logged.
      if (Math.abs(points[i][0] - x) > data.end / 40) return;
      const row = element("div", "", tip);
      row.append(keys[k].querySelector("svg").cloneNode(true));
      element("span", "", row, keys[k].querySelector("span").textContent);
      element("b", "", row, shown(points[i][1]));
      if (points[i][2]) tip.firstChild.textContent += " · " + points[i][2];
      if (data.marks[k][i] === null) return;
      const spot = element("div", "spot " + lines[k].getAttribute("class"), area);
      spot.style.left = 100 * points[i][0] / data.end + "%";
      spot.style.bottom = data.marks[k][i] + "%";
      parts.push(spot);
    });
    const width = area.clientWidth, mark = left / 100 * width, room = tip.offsetWidth;
    const place = mark + 12 + room < width ? mark + 12 : mark - 12 - room;
    tip.style.left = Math.max(-44, place) + "px";
  }
  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * data.end;
    show(stops[nearest(places, x)]);
  });
  area.addEventListener("pointerleave", clear);
  plot.addEventListener("blur", clear);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") clear();
    if (!step) return;
    event.preventDefault();
    const here = at === null ? stops.length - 1 : stops.indexOf(at);
    const stride = Math.max(1, Math.round(stops.length / 100));
    show(stops[Math.min(Math.max(here + step * stride, 0), stops.length - 1)]);
  });
  keys.forEach((key, k) => key.addEventListener("click", () => {
    key.setAttribute("aria-pressed", String(!lines[k].classList.toggle("off")));
    clear();
  }));
}

function viewer(box) {
  const stops = JSON.parse(box.dataset.stops);
  const slider = box.querySelector("input");
  if (!slider) return;
  const output = box.querySelector("output"), play = box.querySelector(".play");
  const panels = [...box.querySelectorAll(".panel")].map((panel) => ({
    shown: JSON.parse(panel.dataset.shown), big: panel.querySelector(".big"),
    seen: panel.querySelector(".seen"), only: panel.querySelector(".seen")?.textContent,
    buttons: [...panel.querySelectorAll(".thumbs button")],
  }));
  let timer = null;

  function go(stop) {
    slider.value = stop;
    output.textContent = grouped(stops[stop]) + " images";
    slider.setAttribute("aria-valuetext", output.textContent);
    for (const { shown, big, seen, only, buttons } of panels) {
      const k = shown[stop];
      big.style.visibility = k === null ? "hidden" : "visible";
      if (seen) seen.textContent = k === null ? "No picture yet" : only;
      if (k === null || !buttons.length) continue;
      const button = buttons[k], strip = button.parentElement;
      const at = "After " + grouped(button.dataset.at) + " images";
      big.src = button.querySelector("img").src;
      big.alt = at;
      if (seen) seen.textContent = at;
      buttons.forEach((b) => b.removeAttribute("aria-current"));
      button.setAttribute("aria-current", "true");
      strip.scrollLeft = button.offsetLeft - (strip.clientWidth - button.offsetWidth) / 2;
      strip.scrollTop = button.offsetTop - (strip.clientHeight - button.offsetHeight) / 2;
    }
  }
  function stop() { clearInterval(timer); timer = null; play.textContent = "Play"; }
  go(stops.length - 1);
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  panels.forEach(({ buttons }) => buttons.forEach((button) => button.addEventListener("click", () => {
    stop();
    go(stops.indexOf(Number(button.dataset.at)));
  })));
  play.addEventListener("click", () => {
    if (timer) return stop();
    let at = Number(slider.value) === stops.length - 1 ? 0 : Number(slider.value);
    play.textContent = "Pause";
    go(at);
    timer = setInterval(() => { at += 1; go(at); if (at === stops.length - 1) stop(); }, 450);
  });
}

function copier(button) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      // Some browsers refuse the clipboard on file:// pages: select the text instead.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

document.querySelectorAll(".chart").forEach(chart);
document.querySelectorAll(".viewer").forEach(viewer);
document.querySelectorAll(".copy").forEach(copier);
