// Shows the pictures of a report or a review, and takes keys. Text goes in by textContent alone.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function element(name, css = "", text = "") {
  const made = document.createElement(name);
  if (css) made.className = css;
  if (text !== "") made.textContent = text;
  return made;
}

// ---- tiles

const sources = new WeakMap();
const shown = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) load(entry.target);
}, { rootMargin: "800px" });

function load(image) {
  if (!sources.has(image)) return;
  image.src = sources.get(image);
  sources.delete(image);
  shown.unobserve(image);
}

function frame(picture, source) {
  const made = element("span", "frame");
  const nothing = () => element("span", "none", picture.kind || picture.now || "no picture");
  if (!source) {
    made.append(nothing());
    return made;
  }
  const image = element("img");
  image.alt = "";
  image.decoding = "async";
  image.addEventListener("error", () => made.replaceChildren(nothing()));
  sources.set(image, source);
  shown.observe(image);
  made.append(image);
  return made;
}

const jpeg = (picture) => picture.jpeg && "data:image/jpeg;base64," + picture.jpeg;
const score = (value) => value.toFixed(2);

function caption(picture) {
  const made = element("span", "caption");
  const [first, second] = picture.top;
  if (first) made.append(element("b", "", short(first[0])), element("span", "", score(first[1])));
  else if (picture.kind) made.append(element("b", "wide", picture.path.split("/").pop()));
  else made.append(element("b", "wide", "no class"));
  if (picture.truth) {
    made.append(element("span", "true wide", "is " + short(picture.truth)));
  } else if (second) {
    made.append(element("span", "second", short(second[0])), element("span", "second", score(second[1])));
  } else if (picture.message) {
    made.append(element("span", "second wide", picture.message));
  }
  return made;
}

/** The first of several names: ImageNet's labels are lists of synonyms. */
const short = (label) => label.split(", ")[0];

function tile(picture, source) {
  const made = element("button", "tile");
  made.type = "button";
  made.tabIndex = -1;
  made.title = picture.path;
  made.picture = picture;
  made.append(frame(picture, source), caption(picture));
  return made;
}

// ---- moving among tiles

const tiles = () => [...document.querySelectorAll(".tile")].filter((one) => one.offsetParent);

function reach(one) {
  if (!one) return;
  const grid = one.parentElement;
  for (const other of grid.querySelectorAll('.tile[tabindex="0"]')) other.tabIndex = -1;
  one.tabIndex = 0;
  one.focus({ preventScroll: true });
  one.scrollIntoView({ block: "nearest" });
}

function row(one, direction) {
  const place = one.getBoundingClientRect();
  let best = null;
  for (const other of tiles()) {
    const its = other.getBoundingClientRect();
    const down = (its.top - place.top) * direction;
    if (down < place.height / 2) continue;
    const far = down * 10 + Math.abs(its.left - place.left);
    if (!best || far < best.far) best = { far, other };
  }
  return best && best.other;
}

function neighbour(one, key) {
  if (key === "ArrowUp" || key === "ArrowDown") return row(one, key === "ArrowUp" ? -1 : 1);
  const all = tiles();
  const at = all.indexOf(one);
  return { ArrowLeft: all[at - 1], ArrowRight: all[at + 1], Home: all[0], End: all.at(-1) }[key];
}

// ---- a closer look

function look(one, source = jpeg(one.picture)) {
  const { picture } = one;
  const dialog = byId("look");
  dialog.tile = one;
  const facts = element("div");
  facts.append(element("h2", "", picture.top.length ? picture.top[0][0] : picture.kind || "no class"));
  facts.append(element("p", "path", picture.path));
  const small = [`image ${picture.i.toLocaleString("en")}`, picture.size].filter(Boolean);
  facts.append(element("p", "quiet", small.join(" · ")));
  if (picture.truth) facts.append(element("p", "", `True class: ${picture.truth}`));
  if (picture.message) facts.append(element("p", "", `${picture.kind}: ${picture.message}`));
  const scores = element("div", "scores");
  for (const [label, value] of picture.top) {
    const bar = element("progress");
    bar.max = 1;
    bar.value = value;
    bar.ariaLabel = label;
    scores.append(element("span", "", label), element("span", "", value.toFixed(4)), bar);
  }
  const buttons = element("div", "buttons");
  const add = (text, act) => {
    const button = element("button", "", text);
    button.type = "button";
    button.addEventListener("click", act);
    buttons.append(button);
  };
  add("← Previous", () => step("ArrowLeft"));
  add("Next →", () => step("ArrowRight"));
  add("Close", () => dialog.close());
  facts.append(scores, buttons);
  const box = element("div", "look");
  const large = frame(picture, source);
  box.append(large, facts);
  dialog.replaceChildren(box);
  for (const image of large.querySelectorAll("img")) load(image);
  if (!dialog.open) dialog.showModal();
}

function step(key) {
  const next = neighbour(byId("look").tile, key);
  if (next) look(next, lookAt(next));
}

let lookAt = (one) => jpeg(one.picture);

// ---- light and dark, keys

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("batchcls-theme", root.dataset.theme);
  } catch { /* a page without storage forgets it */ }
}

function showKeys(pairs) {
  const list = element("dl");
  for (const [key, text] of pairs) {
    const term = element("dt");
    for (const one of key.split(" ")) term.append(element("kbd", "", one), " ");
    list.append(term, element("dd", "", text));
  }
  byId("keys").replaceChildren(element("h2", "", "Keys"), list);
  byId("keys").showModal();
}

function begin(keys) {
  try {
    const kept = localStorage.getItem("batchcls-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch { /* as above */ }
  for (const id of ["theme", "help"]) byId(id).hidden = false;
  byId("theme").addEventListener("click", theme);
  byId("help").addEventListener("click", () => showKeys(keys));
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
  byId("look").addEventListener("close", () => reach(byId("look").tile));
  addEventListener("beforeprint", () => document.querySelectorAll(".frame img").forEach(load));
}

const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

/** Takes a key that means the same everywhere; whether it was one. */
function commonKey(event, keys) {
  const one = document.activeElement.closest(".tile");
  if (byId("look").open) {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") step(event.key);
    else return false;
    return true;
  }
  if (one && MOVES.includes(event.key)) reach(neighbour(one, event.key));
  else if (event.key === "ArrowDown" && document.activeElement === document.body) {
    reach(tiles().find((other) => other.getBoundingClientRect().top > 60));
  } else if (event.key === "t") theme();
  else if (event.key === "?") showKeys(keys);
  else return false;
  return true;
}

const typing = (event) =>
  event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select");

// ---- the report

const REPORT_KEYS = [
  ["← → ↑ ↓", "from picture to picture"], ["Enter", "a closer look"], ["Esc", "back"],
  ["1 … 9", "to a section"], ["/", "find a class or path"], ["t", "light or dark"], ["?", "this list"],
];

function startReport() {
  begin(REPORT_KEYS);
  const pictures = new Map(data.pictures.map((picture) => [picture.i, picture]));
  for (const [id, indices] of Object.entries(data.groups)) {
    const grid = byId(id);
    grid.append(...indices.map((index) => tile(pictures.get(index), jpeg(pictures.get(index)))));
    if (grid.firstChild) grid.firstChild.tabIndex = 0;
  }
  document.addEventListener("click", (event) => {
    const one = event.target.closest(".tile");
    if (one) look(one);
  });
  const find = byId("find");
  find.hidden = false;
  find.addEventListener("input", () => filter(find.value.toLowerCase()));
  const links = [...document.querySelectorAll("nav a")];
  addEventListener("keydown", (event) => {
    if (typing(event)) {
      if (event.key === "Escape") find.blur();
      return;
    }
    if (commonKey(event, REPORT_KEYS)) event.preventDefault();
    else if (byId("look").open) return;
    else if (event.key === "/") {
      event.preventDefault();
      find.focus();
    } else if (event.key >= "1" && event.key <= "9") links[event.key - 1]?.click();
  });
  follow(links);
}

function filter(text) {
  for (const grid of document.querySelectorAll(".grid")) {
    for (const one of grid.children) {
      const { path, top, kind = "", truth = "" } = one.picture;
      const words = [path, kind, truth, ...top.slice(0, 2).map((pair) => pair[0])].join("\n");
      one.hidden = !words.toLowerCase().includes(text);
    }
    const none = [...grid.children].every((one) => one.hidden);
    grid.hidden = none;
    if (grid.previousElementSibling?.matches("h3")) grid.previousElementSibling.hidden = none;
  }
}

/** Marks the link of the section that is being read. */
function follow(links) {
  const mark = () => {
    const read = links.filter((a) => document.querySelector(a.hash).getBoundingClientRect().top < 140);
    for (const a of links) {
      if (a === (read.at(-1) || links[0])) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

startReport();
