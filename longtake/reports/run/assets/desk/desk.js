// The desk: what waits for a person first, then what is decided; the bar below counts, undoes and saves.

const waiting = reviews.filter(({ shot }) => waits(shot));
const settled = reviews.filter(({ shot }) => !waits(shot));
let current = null;

function makeCurrent(review) {
  if (current === review) return;
  current?.card?.removeAttribute("aria-current");
  current = review;
  current?.card?.setAttribute("aria-current", "true");
  kept.set("review", current?.shot.shot_id ?? null);
}

const say = (words) => { byId("desk-said").textContent = words; };

function act(review, choice) {
  makeCurrent(review);
  if (!decide(review.shot, choice)) return;
  say(`${review.shot.shot_id}: ${choiceWords(choice)}`);
  showDecision(review);
  showBar();
}

function undoLast() {
  const shot = undo();
  if (!shot) { say("Nothing to undo"); return; }
  const review = reviews.find((each) => each.shot === shot);
  say(`${shot.shot_id}: taken back`);
  showDecision(review);
  showBar();
  goToReview(review);
}

function goToReview(review) {
  if (!waits(review.shot)) byId("settled").open = true;
  buildReview(review);
  review.card.scrollIntoView({ block: "nearest" });
  review.card.focus({ preventScroll: true });
}

const inWindow = (box) => { const { top, bottom } = box.getBoundingClientRect(); return bottom > 60 && top < innerHeight - 60; };

/** The shot that a key is about: the current one, once it is in sight; else it is brought there and nothing is decided. */
function keyedReview() {
  if (!current) return null;
  if (current.card.contains(document.activeElement) || inWindow(current.card)) return current;
  goToReview(current);
  say(`${current.shot.shot_id}: press the key again`);
  return null;
}

/** Goes to the next or previous shot of the desk; false where the list of reels takes over. */
function stepDesk(step, fits = () => true) {
  if (!reviews.length) return false;
  const laid = [...waiting, ...(byId("settled")?.open ? settled : [])];
  const focused = document.activeElement?.closest?.(".review");
  const reel = document.activeElement?.closest?.(".reel");
  let from = laid.findIndex(({ card: made }) => made === focused);
  if (from < 0) {
    if (step > 0 ? reel || currentPlace() >= 0 : currentPlace() > 0) return false;
    from = step > 0 ? -1 : laid.length;
  }
  for (let place = from + step; place >= 0 && place < laid.length; place += step) {
    if (fits(laid[place])) { goToReview(laid[place]); return true; }
  }
  return step < 0;
}

const undecided = ({ shot }) => waits(shot) && !decisionOf(shot);

/** What the desk's keys do; false for a key that is none of them, or has nothing to act on. */
function onDeskKey(key) {
  if (!reviews.length) return false;
  if (key === "u") undoLast();
  else if (/^[1-9]$/.test(key) || key === "x") {
    const review = keyedReview();
    if (review) act(review, key === "x" ? "reject" : key);
  } else if (["j", "k"].includes(key)) return stepDesk(key === "j" ? 1 : -1);
  else if (["n", "p"].includes(key)) return stepDesk(key === "n" ? 1 : -1, undecided);
  else {
    const focused = reviews.find(({ card: made }) => made && made === document.activeElement);
    if (!focused) return false;
    if (key === "Enter" || key === " ") focused.films.toggle();
    else if (key === "," || key === ".") focused.films.scrub(focused.films.at + (key === "." ? PICTURE_SECONDS : -PICTURE_SECONDS));
    else return false;
  }
  return true;
}

/** What was decided in sum, and what it lets go on. */
function showBar() {
  const made = decisions(), open = unsaved();
  const left = waiting.filter(undecided).length;
  const on = made.filter(([shot, { choice }]) => choice !== "reject" && waits(shot)).map(([shot]) => shot);
  const price = on.length ? followsSum(on) : "";
  byId("desk-counts").textContent = [
    made.length ? `${plural(made.length, "decision")}${open.length ? `, ${open.length === made.length ? "" : `${open.length} `}not saved` : ", saved"}` : "Nothing decided yet",
    left ? `${left} to go` : "",
    price ? `${price} may be bought then` : "",
  ].filter(Boolean).join(" · ");
  byId("desk-undo").disabled = !decided.steps.length;
  byId("desk-save").disabled = !made.length;
  const saved = made.length > 0 && !open.length;
  byId("desk-next").hidden = !saved;
  if (saved) byId("desk-command").textContent = decideCommand();
}

/** What follows from several shots, in words. */
function followsSum(shots) {
  const count = sum(shots.map((shot) => shot.follows));
  if (!count) return "";
  const known = shots.every((shot) => !shot.follows || typeof shot.follows_high_usd === "number");
  const price = known ? money(sum(shots.map((shot) => shot.follows_low_usd)), sum(shots.map((shot) => shot.follows_high_usd))) : "price unknown";
  return `${plural(count, "shot")} for ${price}`;
}

function deskBar() {
  const by = element("input", {
    type: "text", id: "desk-by", maxlength: "120", placeholder: "Name", "aria-label": "Your name, for the record", autocomplete: "name",
    oninput: () => { decided.by = by.value; store(); showBar(); },
    onchange: () => reviews.forEach(showDecision),
  });
  by.value = decided.by;
  return element("div", { class: "desk-bar" },
    element("p", { id: "desk-counts" }), by,
    element("button", { type: "button", id: "desk-undo", class: "quiet", onclick: undoLast }, icon("undo"), "Undo"),
    element("button", { type: "button", id: "desk-save", onclick: () => { saveDecisions(); reviews.forEach(showDecision); showBar(); say(`${DECISIONS_FILE} is saved`); } }, icon("save"), "Save decisions"),
    element("p", { id: "desk-next", hidden: true }, `Now give ${DECISIONS_FILE}, from where your browser saved it:`, " ", element("code", { id: "desk-command" })),
    element("p", { id: "desk-said", class: "unseen", role: "status" }));
}

function startDesk() {
  if (!reviews.length) return;
  const dropped = readDecisions();
  const desk = byId("desk");
  const sumWords = followsSum(waiting.map(({ shot }) => shot));
  byId("desk-words").textContent = waiting.length ? `${plural(waiting.length, "shot")} ${waiting.length === 1 ? "waits" : "wait"} for you${sumWords ? `; ${sumWords} follow` : ""}.` : "Nothing waits for you.";
  append(desk, [
    dropped ? element("p", { class: "note care" }, `${plural(dropped, "choice")} of yours ${dropped === 1 ? "was" : "were"} dropped: the take is no longer the one you saw.`) : null,
    element("div", { class: "reviews" }, waiting.map(reviewCard)),
    settled.length ? settledList() : null,
    deskBar(),
  ]);
  const last = kept.get("review");
  makeCurrent(reviews.find(({ shot }) => shot.shot_id === last) ?? waiting[0] ?? null);
  showBar();
  addEventListener("beforeunload", (event) => { if (!leaving && unsaved().length) event.preventDefault(); });
  addEventListener("storage", (event) => { if (event.key === STORED) { readDecisions(); reviews.forEach(showDecision); showBar(); } });
}

/** The shots that want nobody, folded away. Made when opened. */
function settledList() {
  const box = element("details", { id: "settled", ontoggle: rememberOpen("settled") }, element("summary", {}, `Decided, and other takes: ${plural(settled.length, "shot")}`));
  const list = element("div", { class: "reviews" }, settled.map(reviewCard));
  box.append(list);
  if (opened.has("settled")) box.open = true;
  return box;
}

/** Why the page must not be loaded anew for the desk's sake. */
function deskWaits() {
  if (!canStore && unsaved().length) return "Refresh waits until your decisions are saved";
  return document.activeElement?.matches?.(".desk input[type=text]") ? "Refresh waits for you" : "";
}
