"use strict";
// Keys press the buttons that are on the page; without this script the buttons do everything but zoom, blink and red light.

const picture = document.getElementById("picture");
const root = document.documentElement;

function remembered(name) {
  try { return localStorage.getItem("nebulift-" + name) === "yes"; } catch { return false; }
}

function remember(name, on) {
  try { localStorage.setItem("nebulift-" + name, on ? "yes" : "no"); } catch { /* private windows remember nothing */ }
}

function show(name, on) {
  root.classList.toggle(name, on);
  for (const button of document.querySelectorAll(`[data-act="${name === "bare" ? "overlay" : name}"]`)) {
    button.setAttribute("aria-pressed", String(name === "bare" ? !on : on));
  }
}

function toggle(name) {
  const on = !root.classList.contains(name);
  show(name, on);
  remember(name, on);
}

for (const name of ["red", "bare"]) show(name, remembered(name));

const strip = document.querySelector(".strip");
const current = strip?.querySelector("[aria-current]");
if (current) strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;

// -- blink: the neighbour's picture while the key or the button is held

function neighbour() {
  const others = [...document.querySelectorAll(".strip a")];
  const here = others.findIndex((other) => other.hasAttribute("aria-current"));
  const near = [here - 1, here + 1, here - 2, here + 2].map((at) => others[at]).filter((other) => other?.dataset.preview);
  return (near.find((other) => other.classList.contains("clean")) ?? near[0])?.dataset.preview;
}

let own = null;

function blink(on) {
  const image = picture?.querySelector("image");
  if (!image || on === (own !== null)) return;
  if (on) {
    const other = neighbour();
    if (!other) return;
    own = image.getAttribute("href");
    image.setAttribute("href", other);
  } else {
    image.setAttribute("href", own);
    own = null;
  }
  part?.toggleAttribute("hidden", on);
  root.classList.toggle("blinking", on);
}

// -- zoom: one pixel of the frame on one of the screen; only the part that is looked at is fetched at that size

const stage = document.querySelector(".stage");
const PART = { width: 1536, height: 1152, step: 256 }; // as the server cuts it
let part = null;

function zoom(event) {
  if (!picture) return;
  const { width, height } = picture.viewBox.baseVal;
  const box = picture.getBoundingClientRect();
  const scale = Math.min(box.width / width, box.height / height);
  const at = event?.clientX === undefined ? [0.5, 0.5]
    : [0.5 + (event.clientX - box.left - box.width / 2) / (scale * width),
       0.5 + (event.clientY - box.top - box.height / 2) / (scale * height)];
  const on = !root.classList.contains("zoom");
  show("zoom", on);
  picture.style.width = on ? Math.max(width, 2 * stage.clientWidth) + "px" : "";
  if (!on) {
    for (const image of picture.querySelectorAll("[data-part]")) image.remove(); // those on their way, too
    part = null;
    return;
  }
  stage.scrollLeft = at[0] * stage.scrollWidth - stage.clientWidth / 2;
  stage.scrollTop = at[1] * stage.scrollHeight - stage.clientHeight / 2;
  sharpen();
}

function sharpen() {
  if (!root.classList.contains("zoom")) return; // the scrolling has settled after the zoom has ended
  const { width, height } = picture.viewBox.baseVal;
  const scale = stage.scrollWidth / width;
  const corner = (scroll, seen, size, whole) => {
    const wanted = (scroll + seen / 2) / scale - size / 2;
    const last = Math.max(0, Math.ceil((whole - size) / PART.step) * PART.step);
    return Math.min(last, Math.max(0, Math.round(wanted / PART.step) * PART.step));
  };
  const left = corner(stage.scrollLeft, stage.clientWidth, PART.width, width);
  const top = corner(stage.scrollTop, stage.clientHeight, PART.height, height);
  const address = `${picture.dataset.detail}${left}-${top}.jpg`;
  if (part?.getAttribute("href") === address) return;
  const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
  const place = { href: address, x: left, y: top, preserveAspectRatio: "none",
                  width: Math.min(PART.width, width - left), height: Math.min(PART.height, height - top) };
  for (const [name, value] of Object.entries(place)) image.setAttribute(name, value);
  image.dataset.part = "";
  image.addEventListener("load", () => {
    if (!image.isConnected) return;
    part?.remove();
    part = image;
  });
  image.addEventListener("error", () => image.remove());
  picture.insertBefore(image, picture.querySelector(".drawing"));
}

let settled = 0;
stage?.addEventListener("scroll", () => {
  if (!root.classList.contains("zoom")) return;
  clearTimeout(settled);
  settled = setTimeout(sharpen, 150);
});

let grip = null;
let moved = false;
stage?.addEventListener("pointerdown", (event) => {
  moved = false;
  if (!root.classList.contains("zoom") || event.pointerType !== "mouse") return;
  grip = { x: event.clientX + stage.scrollLeft, y: event.clientY + stage.scrollTop };
  event.preventDefault();
});
addEventListener("pointermove", (event) => {
  if (!grip) return;
  moved = moved || Math.abs(grip.x - event.clientX - stage.scrollLeft) > 3;
  stage.scrollLeft = grip.x - event.clientX;
  stage.scrollTop = grip.y - event.clientY;
});
addEventListener("pointerup", () => { grip = null; });
picture?.addEventListener("click", (event) => { if (!moved) zoom(event); });

// -- findings: each can be hidden, and shows itself when its words are pointed at

for (const eye of document.querySelectorAll("[data-finding].eye")) {
  const drawn = picture?.querySelector(`g[data-finding="${eye.dataset.finding}"]`);
  eye.addEventListener("click", () => {
    const on = drawn.toggleAttribute("hidden");
    eye.setAttribute("aria-pressed", String(!on));
    eye.textContent = on ? "hidden" : "drawn";
  });
  const item = eye.closest("li");
  item.addEventListener("pointerenter", () => drawn?.classList.add("pointed"));
  item.addEventListener("pointerleave", () => drawn?.classList.remove("pointed"));
}

// -- the session's curves, fetched when the frame is shown

const session = document.querySelector("[data-session]");
async function fetchSession() {
  const answer = await fetch(session.dataset.session);
  const curves = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".curves");
  if (!curves) return session.remove();
  session.replaceChildren(curves);
  const here = curves.querySelector(".here"); // on a phone the curves are wider than the screen
  if (here) session.scrollLeft += here.getBoundingClientRect().left - session.getBoundingClientRect().left - session.clientWidth / 2;
}

// -- buttons and keys

const help = document.getElementById("help");
const acts = {
  overlay: () => toggle("bare"),
  red: () => toggle("red"),
  zoom: () => zoom(),
  help: () => (help.open ? help.close() : help.showModal()),
};

for (const button of document.querySelectorAll("[data-act]")) {
  const name = button.dataset.act;
  if (name === "blink") {
    button.addEventListener("pointerdown", () => blink(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) button.addEventListener(end, () => blink(false));
  } else {
    button.addEventListener("click", acts[name]);
  }
}

const SAME = { ArrowRight: "s", ArrowLeft: "k", j: "s" };

function rejectBecauseOf(digit) {
  const cause = document.querySelector("#decide select");
  if (!cause || !picture) return;
  cause.selectedIndex = digit === 0 ? 10 : digit; // the first entry is "no cause"
  document.querySelector('#decide [value="reject"]').click();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("select, input:not([type=checkbox]), textarea")) return;
  const key = SAME[event.key] ?? event.key.toLowerCase();
  if (help?.open && key !== "?") return;
  if (key === "b") return blink(true);
  if (key === "escape" && root.classList.contains("zoom")) return zoom();
  if (/^[0-9]$/.test(key)) return rejectBecauseOf(Number(key));
  const wanted = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  wanted.click();
});
addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "b") blink(false); });

// one decision for one press: a second click on the way to the next frame must not decide about it
for (const form of document.querySelectorAll('form[method="post"]')) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
}
for (const choice of document.querySelectorAll(".filters select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

// -- a sheet: how many are chosen; shift chooses everything between two clicks

const boxes = [...document.querySelectorAll(".pick input")];
let last = null;
for (const [at, box] of boxes.entries()) {
  box.addEventListener("click", (event) => {
    if (event.shiftKey && last !== null) {
      for (const between of boxes.slice(Math.min(at, last), Math.max(at, last) + 1)) between.checked = box.checked;
    }
    last = at;
    const number = boxes.filter((other) => other.checked).length;
    document.querySelector("[data-chosen]").textContent = number === 1 ? "1 frame is" : `${number} frames are`;
  });
}

// -- the neighbours' large pictures beforehand, one after the other, so that going on and blinking are immediate

async function fetchAhead() {
  const ahead = document.querySelector('.strip a[aria-current] ~ a[data-preview]');
  const addresses = new Set([neighbour(), ahead?.dataset.preview].filter(Boolean));
  const next = document.querySelector('a[rel="next"][href^="/frame/"]');
  if (next) {
    const page = new DOMParser().parseFromString(await (await fetch(next.href)).text(), "text/html");
    addresses.add(page.querySelector("#picture image")?.getAttribute("href"));
  }
  for (const address of addresses) if (address) await fetch(address);
}

if (picture) {
  const image = new Image();
  image.onload = () => fetchAhead().catch(() => {});
  image.src = picture.querySelector("image").getAttribute("href");
}
if (session) fetchSession().catch(() => {});

// -- counts that follow the night, and a word when there is more to see

const NEWS_EVERY_MS = 5000;
const fresh = document.querySelector("[data-fresh]");
let first = null; // the counts when the page was loaded

async function look() {
  if (document.hidden) return;
  const counts = await (await fetch("/news")).json();
  const chosen = new URLSearchParams(location.search);
  if (chosen.get("night")) return;
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = counts[place.dataset.count];
  if (document.querySelector("[data-wait]") && counts.queue > 0 && !chosen.get("kind")) location.reload();
  first ??= counts;
  const more = counts[fresh?.dataset.fresh] - first[fresh?.dataset.fresh];
  if (!(more > 0)) return;
  fresh.textContent = more === 1 ? "1 new frame here: show it" : `${more} new frames here: show them`;
  fresh.parentElement.hidden = false;
}
if (fresh) {
  look().catch(() => {});
  setInterval(() => look().catch(() => { /* the server rests; the next look tells */ }), NEWS_EVERY_MS);
}
