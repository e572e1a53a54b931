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
  box.tabIndex = -1;
  box.autofocus = true; // else the first button takes the focus, and with it Space and Enter
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
  byId("look").addEventListener("close", () => {
    if (!document.activeElement.matches("input, select")) reach(byId("look").tile);
  });
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

// ---- the review

const PAGE = 60;
const KEYS = 9;
const REVIEW_KEYS = [
  ["Space", "right, and on"], ["x", "wrong, and on"],
  data.review?.keyed ? ["1 … 9", "shows the class of that number"] : ["1 … 5", "shows that class of its answer"],
  ["c", "shows another class"], [".", "shows the class that was typed last"], ["r", "the rest of the row is right"],
  ["u", "undo"], ["← → ↑ ↓", "from image to image"], ["n p", "next and previous page"],
  ["Enter", "a closer look"], ["/", "filter"], ["t", "light or dark"], ["?", "this list"],
];

class Review {
  constructor() {
    this.order = "unsure";
    this.where = "";
    this.view = Date.now();
    this.start = 0;
    this.total = 0;
    this.undone = [];
    this.sent = Promise.resolve();
    this.grid = byId("images");
    /** The text of each class, and how it is said; what a person types is one more. */
    this.classes = data.review.labels.map((text, number) => [text, { class: number }]);
    this.typed = undefined;
  }

  /** Looks for the images anew; as long as one pages through them, what is said moves none. */
  enter() {
    this.view = Date.now();
    this.load(0);
  }

  async load(start, end = false) {
    const { where, order, view } = this;
    const query = new URLSearchParams({ where, order, view, start, count: PAGE });
    byId("status").textContent = this.where ? "Looking for them …" : "";
    await this.sent;
    const answer = await fetch("/images?" + query).catch(() => null);
    if (!answer || !answer.ok) {
      byId("status").textContent = answer ? await answer.text() : GONE;
      return;
    }
    const found = await answer.json();
    this.start = start;
    this.total = found.total;
    this.grid.replaceChildren(...found.images.map((picture) => {
      const made = tile(picture, this.source(picture));
      this.mark(made);
      return made;
    }));
    this.count(found.said);
    scrollTo(0, 0);
    const all = [...this.grid.children];
    const open = all.findIndex((one) => one.picture.said === undefined);
    reach(end ? all.at(-1) : all[Math.max(open, 0)]);
    if (!all.length) byId("panel").replaceChildren();
  }

  source(picture, large = false) {
    if (picture.kind && !["infer", "bad_output"].includes(picture.kind)) return "";
    return `/picture?i=${picture.i}${large ? "&size=large" : ""}`;
  }

  count(said) {
    const last = Math.min(this.start + PAGE, this.total);
    const from = this.total ? this.start + 1 : 0;
    const number = (n) => n.toLocaleString("en");
    byId("status").textContent =
      `${number(from)} to ${number(last)} of ${number(this.total)} · ${number(said)} judged`;
    byId("previous").disabled = this.start === 0;
    byId("next").disabled = last >= this.total;
  }

  /** Shows on a tile what was said of its image. */
  mark(one) {
    const { said, top } = one.picture;
    const right = said?.rank === 0;
    one.classList.toggle("right", right);
    one.classList.toggle("wrong", said !== undefined && !right);
    one.querySelector(".caption").replaceWith(caption(one.picture));
    if (said !== undefined && !right) {
      const text = short(top[said.rank]?.[0] ?? data.review.labels[said.class] ?? said.label) || "wrong";
      one.querySelector(".caption .second, .caption .wide")?.replaceWith(element("span", "true wide", text));
      for (const rest of one.querySelectorAll(".caption .second")) rest.remove();
    }
  }

  /**
   * Says the same of some images; they are marked when it is on the disk. What is said is
   * a rank in the answer or the number of a class, since their labels are shown cut; or a label.
   */
  async say(ones, said) {
    const before = ones.map((one) => [one, one.picture.said]);
    if (!(await this.send(ones.map((one) => ({ i: one.picture.i, ...said }))))) return;
    this.undone.push(before);
    ones.forEach((one) => this.hold(one, said));
  }

  hold(one, said) {
    one.picture.said = said;
    this.mark(one);
  }

  /** One after the other: of what is said of an image, the last counts. */
  send(corrections) {
    this.sent = this.sent.then(() => this.post(corrections));
    return this.sent;
  }

  async post(corrections) {
    const answer = await fetch("/correct", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ corrections }),
    }).catch(() => null);
    if (answer && answer.ok) {
      this.count((await answer.json()).said);
      return true;
    }
    byId("status").textContent = answer ? "Not kept: " + (await answer.text()) : GONE;
    return false;
  }

  async undo() {
    await this.sent;
    const before = this.undone.pop();
    if (!before) return;
    const corrections = before.map(([one, said]) => ({ i: one.picture.i, ...(said ?? { label: null }) }));
    if (!(await this.send(corrections))) this.undone.push(before);
    else {
      before.forEach(([one, said]) => this.hold(one, said));
      if (before[0][0].isConnected) this.go(before[0][0]);
    }
  }

  /** Goes on at once; nobody waits for the disk. */
  judge(ones, said) {
    if (!ones.length) return;
    this.say(ones, said);
    this.onward(ones.at(-1));
  }

  onward(one) {
    const next = one.nextElementSibling;
    if (next) this.go(next);
    else this.turn(1);
  }

  go(one) {
    reach(one);
    if (byId("look").open) look(one, lookAt(one));
  }

  turn(direction) {
    const start = this.start + direction * PAGE;
    if (start >= 0 && start < this.total) this.load(start);
  }

  rest(one) {
    const top = one.offsetTop;
    const open = (other) => other.picture.said === undefined && other.picture.top.length;
    return [...this.grid.children].filter(
      (other) => other.offsetTop === top && other.offsetLeft >= one.offsetLeft && open(other));
  }

  /** Shows the image that has the focus beside the others, with what each key says of it. */
  show(one) {
    const { picture } = one;
    const panel = byId("panel");
    const large = frame(picture, this.source(picture, true));
    for (const image of large.querySelectorAll("img")) load(image);
    const list = element("ol", "answers");
    this.answers(picture).forEach(([label, value, said], n) => {
      const row = element("li", label === picture.top[0]?.[0] ? "best" : "");
      const shown = value === undefined ? "" : score(value);
      row.append(element("kbd", "", String(n + 1)), element("span", "", label), element("span", "quiet", shown));
      row.addEventListener("click", () => this.judge([one], said));
      list.append(row);
    });
    const buttons = element("div", "buttons");
    for (const [key, text] of [[" ", "Right"], ["x", "Wrong"], ["c", "Another class"]]) {
      const button = element("button", "", text);
      button.type = "button";
      button.append(" ", element("kbd", "", key === " " ? "Space" : key));
      button.addEventListener("click", () => this.key(key, one));
      buttons.append(button);
    }
    panel.replaceChildren(large, list);
    if (picture.message) panel.append(element("p", "", `${picture.kind}: ${picture.message}`));
    panel.append(element("p", "path", picture.path), buttons);
    const next = one.nextElementSibling;
    if (next && this.source(next.picture)) new Image().src = this.source(next.picture, true);
  }

  /** What the digits say of an image, 1 first: each class, its score and how it is said. */
  answers({ top }) {
    const places = top.map(([label, value], rank) => [label, value, { rank }]);
    if (!data.review.keyed) return places;
    return this.classes.slice(0, KEYS).map(
      ([text, said]) => places.find(([label]) => label === text) ?? [text, undefined, said]);
  }

  /** A class that was chosen or typed; a new one is among the classes from now on. */
  take(one, said) {
    if (said.label !== undefined) this.classes.push([said.label, said]);
    this.typed = said;
    this.judge([one], said);
  }

  /** Takes a key for an image; whether it was one. */
  key(key, one) {
    const { top } = one.picture;
    if (key === " ") {
      if (top.length) this.judge([one], { rank: 0 });
    } else if (key === "x") this.judge([one], { label: "" });
    else if (key >= "1" && key <= String(KEYS)) {
      const answer = this.answers(one.picture)[key - 1];
      if (answer) this.judge([one], answer[2]);
    } else if (key === "c") choose(this.classes, (said) => this.take(one, said));
    else if (key === ".") {
      if (this.typed) this.judge([one], this.typed);
    } else if (key === "r") this.judge(this.rest(one), { rank: 0 });
    else return false;
    return true;
  }
}

const GONE = "batchcls does not answer. What is marked here is kept; start the review again to go on.";

/** Lets a person type the beginning of a class, and calls back with it. */
function choose(classes, take) {
  const dialog = byId("choose");
  const input = element("input");
  input.type = "search";
  input.ariaLabel = "Class";
  input.placeholder = "Type a class";
  const list = element("ul", "choices");
  let found = [];
  let at = 0;
  const pick = (said) => {
    dialog.close();
    take(said);
  };
  const draw = () => {
    list.replaceChildren(...found.map(([said, text], n) => {
      const row = element("li", n === at ? "at" : "", text);
      row.addEventListener("click", () => pick(said));
      return row;
    }));
  };
  const search = () => {
    const typed = input.value.trim();
    found = matches(classes, typed).map(([text, said]) => [said, text]);
    if (typed && !found.some(([, text]) => text === typed)) {
      found.push([{ label: typed }, `“${typed}”, a new class`]);
    }
    at = 0;
    draw();
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") at = Math.min(at + 1, found.length - 1);
    else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
    else if (event.key === "Enter" && found[at]) pick(found[at][0]);
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
  dialog.replaceChildren(input, list);
  search();
  dialog.showModal();
  input.focus();
}

/** The classes that begin with what was typed, then those with a word that does, then any that hold it. */
function matches(classes, typed) {
  const text = typed.toLowerCase();
  const ranks = [[], [], []];
  for (const one of classes) {
    const lower = one[0].toLowerCase();
    const at = lower.indexOf(text);
    if (at >= 0) ranks[at === 0 ? 0 : /[\s,_/-]/.test(lower[at - 1]) ? 1 : 2].push(one);
    if (ranks[0].length >= 8) break;
  }
  return ranks.flat().slice(0, 8);
}

function startReview() {
  begin(REVIEW_KEYS);
  const review = new Review();
  lookAt = (one) => review.source(one.picture, true);
  review.grid.addEventListener("focusin", (event) => review.show(event.target.closest(".tile")));
  review.grid.addEventListener("click", (event) => {
    const one = event.target.closest(".tile");
    if (!one) return;
    if (byId("panel").offsetParent && event.detail) reach(one);
    else look(one, lookAt(one));
  });
  review.grid.addEventListener("dblclick", (event) => {
    const one = event.target.closest(".tile");
    if (one) look(one, lookAt(one));
  });
  byId("order").addEventListener("change", () => {
    review.order = byId("order").value;
    byId("order").blur();
    review.enter();
  });
  byId("where").addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.target.blur();
    if (event.key !== "Enter") return;
    review.where = event.target.value;
    event.target.blur();
    review.enter();
  });
  byId("previous").addEventListener("click", () => review.turn(-1));
  byId("next").addEventListener("click", () => review.turn(1));
  addEventListener("keydown", (event) => {
    if (typing(event) || byId("choose").open || byId("keys").open) return;
    const looking = byId("look").open;
    const one = looking ? byId("look").tile : document.activeElement.closest(".tile") || review.last;
    if (commonKey(event, REVIEW_KEYS)) event.preventDefault();
    else if (event.key === " " && event.target.matches("button:not(.tile)")) return;
    else if (one && one.isConnected && review.key(event.key, one)) event.preventDefault();
    else if (event.key === "u") review.undo();
    else if (event.key === "n" || event.key === "PageDown") review.turn(1);
    else if (event.key === "p" || event.key === "PageUp") review.turn(-1);
    else if (event.key === "/") byId("where").focus();
    else return;
    if (event.key !== "Enter") event.preventDefault();
  });
  review.grid.addEventListener("focusin", (event) => { review.last = event.target.closest(".tile"); });
  review.load(0);
}

if (data.review) startReview();
else startReport();
