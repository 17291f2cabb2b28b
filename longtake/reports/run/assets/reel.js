// One reel: its film, its strip, its shots. The card's frame is cheap; its body is made when it comes near the window.

const MOST_SHOTS = 24;

/** An empty card, as high as its body will about be. */
function card(reel) {
  const lone = reel.shots.length === 1;
  const made = element("article", {
    class: lone ? "reel lone" : "reel", id: `reel-${reel.place}`, tabindex: "-1", "aria-label": `Reel ${reel.name}`,
  });
  made.style.setProperty("--guess", `${lone ? 200 : 262 + Math.min(unfinished(reel), MOST_SHOTS) * 130}px`);
  reel.card = made;
  return made;
}

function build(reel) {
  if (reel.card.classList.contains("built")) return;
  reel.card.classList.add("built");
  const lone = reel.shots.length === 1;
  append(reel.card, [stage(reel), lone ? loneBody(reel) : body(reel), lone ? null : shotList(reel)]);
  dim(reel);
}

function heading(reel) {
  const missing = unfinished(reel);
  const words = missing
    ? element("span", { class: "badge idle" }, `${reel.shots.length - missing} of ${reel.shots.length} done`)
    : element("span", { class: "badge good" }, icon("good"), "Done");
  return element("div", { class: "reel-head" }, element("h3", {}, isolated(reel.name)),
    reel.shots.length === 1 ? badge(reel.shots[0]) : words,
    reel.partial ? element("span", { class: "badge care" }, icon("care"), "Partial film") : null);
}

function reelFacts(reel) {
  const [low, high] = reelPrice(reel);
  const sizes = new Set(reel.shots.filter((shot) => shot.width).map((shot) => `${shot.width}×${shot.height}`));
  const facts = [
    reel.shots.length === 1 ? vendorWords(reel.shots[0]) : shotWords(reel),
    filmSeconds(reel) ? duration(filmSeconds(reel)) : "",
    sizes.size === 1 ? [...sizes][0] : "",
    money(low, high),
    reel.shots.length === 1 && took(reel.shots[0]) ? `took ${took(reel.shots[0])}` : "",
  ];
  return element("p", { class: "facts" }, facts.filter(Boolean).map((words) => element("span", {}, isolated(words))));
}

function note(reel) {
  return reel.note && reel.film ? element("p", { class: "note care", dir: "auto" }, reel.note) : null;
}

function links(reel) {
  return [
    reel.film ? element("a", { href: reel.film }, "Open film", element("span", { class: "unseen" }, ` of ${reel.name}`)) : null,
    reel.timeline ? element("a", { href: reel.timeline, download: "" }, "Timeline (OTIO)", element("span", { class: "unseen" }, ` of ${reel.name}`)) : null,
    reel.contact_sheet ? element("a", { href: reel.contact_sheet }, "Contact sheet", element("span", { class: "unseen" }, ` of ${reel.name}`)) : null,
    reel.facts ? element("details", {}, element("summary", {}, "How it was joined", element("span", { class: "unseen" }, `: ${reel.name}`)), sheet(reel.facts)) : null,
  ];
}

function body(reel) {
  return element("div", { class: "body" }, heading(reel), reelFacts(reel), note(reel), strip(reel),
    element("div", { class: "more" }, links(reel)));
}

function loneBody(reel) {
  const [shot] = reel.shots;
  return element("div", { class: "body" }, heading(reel), reelFacts(reel), prompt(shot), note(reel), why(shot), noted(shot),
    element("div", { class: "more" }, links(reel).slice(0, 2), details(shot)));
}

/** The shots, folded while all is well. Made when opened. */
function shotList(reel) {
  const name = `reel ${reel.name}`;
  const box = element("details", { class: "shots", ontoggle: rememberOpen(name) },
    element("summary", {}, "Prompts, prices and times", element("span", { class: "unseen" }, ` of ${reel.name}`)));
  const fill = () => { if (box.open) listShots(reel, box); };
  box.addEventListener("toggle", fill);
  if (opened.has(name)) { box.open = true; fill(); }
  const wanting = reel.shots.filter((shot) => ["bad", "care"].includes(verdictOf(shot).tone));
  const first = element("ol", { class: "wanting" }, wanting.slice(0, MOST_SHOTS).map(shotItem));
  return [wanting.length ? element("div", { class: "shots" }, first) : null, box];
}

function listShots(reel, box, most = MOST_SHOTS) {
  if (box.querySelector("ol") && most === MOST_SHOTS) return;
  box.querySelectorAll("ol, .rest").forEach((old) => old.remove());
  box.append(element("ol", {}, reel.shots.slice(0, most).map(shotItem)));
  if (reel.shots.length > most) {
    const rest = () => listShots(reel, box, most + 200);
    box.append(element("button", { type: "button", class: "quiet rest", onclick: rest }, `Show more of ${plural(reel.shots.length, "shot")}`));
  }
}

/** Tones down the tiles that the filters leave out. */
function dim(reel) {
  reel.card.querySelectorAll(".tile").forEach((tile, place) => tile.classList.toggle("dim", !shotFits(reel.shots[place])));
}
