// The list of reels: empty cards are laid out a few at a time, and filled when they come near the window
// (a few reels: when there is time).

const AT_ONCE = 60;
const FEW = 40;
let laidOut = 0;
let turn = 0;

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    build(REELS[Number(entry.target.id.slice(5))]);
  }
}, { rootMargin: "900px 0px" });

function showReels() {
  byId("list").classList.toggle("few", REELS.length <= FEW);
  byId("list").replaceChildren();
  laidOut = 0;
  layOut(AT_ONCE);
  if (!shown.length) byId("list").append(element("p", { class: "facts" }, REELS.length ? "No reel fits these filters." : "No reels yet."));
  const mine = ++turn;
  const later = () => {
    if (mine !== turn) return;
    const unbuilt = REELS.length <= FEW ? shown.find((reel) => reel.card && !reel.card.classList.contains("built")) : null;
    if (unbuilt) build(unbuilt);
    else if (laidOut < shown.length) layOut(AT_ONCE * 4);
    else return;
    idle(later);
  };
  idle(later);
}

const idle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 200 }) : setTimeout(work, 16));

function layOut(count) {
  const until = Math.min(shown.length, laidOut + count);
  const cards = shown.slice(laidOut, until).map((reel) => reel.card ?? card(reel));
  byId("list").append(...cards);
  for (const made of cards) if (!made.classList.contains("built")) near.observe(made);
  laidOut = until;
}

/** Goes to a reel of the shown ones, laying out all before it. */
function goTo(place) {
  const reel = shown[place];
  if (!reel) return;
  if (place >= laidOut) layOut(place + 1 - laidOut);
  build(reel);
  reel.card.scrollIntoView({ block: "start" });
  reel.card.focus({ preventScroll: true });
}

/** Place among the shown of the reel that has the focus, else of the one at the window's top; -1 above the list. */
function currentPlace() {
  const focused = document.activeElement?.closest?.(".reel");
  if (focused) return shown.findIndex((reel) => reel.card === focused);
  const cards = byId("list").children;
  for (let place = 0; place < cards.length; place += 1) {
    if (cards[place].getBoundingClientRect().bottom > 140) return cards[place].getBoundingClientRect().top > 160 ? place - 1 : place;
  }
  return -1;
}
