// One shot under review: its takes, what follows from it and for how much, and what is decided of it.

const REVIEW_WORDS = {
  waiting: ["Waits for you", "care"], expired: ["Decision expired", "care"], chosen: ["Decided", "good"], rejected: ["Rejected", "bad"], none: ["No review asked", "idle"], coming: ["Not here yet", "busy"],
};

/** The shots in their places on the desk; `card` is made at once, what is in it when it comes near the window. */
const reviews = REVIEWS.map((shot) => ({ shot, card: null, films: null }));

function followsWords(shot) {
  if (!shot.follows) return waits(shot) ? "nothing waits behind it" : "";
  return `${plural(shot.follows, "shot")} ${shot.follows === 1 ? "follows" : "follow"}, ${money(shot.follows_low_usd, shot.follows_high_usd) || "price unknown"}`;
}

function choiceWords(choice) { return choice === "reject" ? "reject" : `take ${choice}`; }

function reviewCard(review) {
  const place = reviews.indexOf(review);
  review.card = element("article", { class: "review", id: `review-${place}`, tabindex: "-1", "aria-label": `Review of ${review.shot.shot_id}`, onfocusin: () => makeCurrent(review), onpointerdown: () => makeCurrent(review) });
  nearDesk.observe(review.card);
  return review.card;
}

const nearDesk = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) buildReview(reviews[Number(entry.target.id.slice(7))]);
}, { rootMargin: "700px 0px" });

function buildReview(review) {
  nearDesk.unobserve(review.card);
  if (review.films) return;
  const { shot } = review;
  review.films = new InStep([], shot.clip_seconds ?? 5, () => {});
  const figures = shot.takes.map((take) => takeFigure(review, take));
  review.films.films = figures.map((figure) => figure.querySelector("video")).filter(Boolean);
  const why = element("input", {
    type: "text", maxlength: "500", placeholder: "Why (optional)", "aria-label": `Why, of ${shot.shot_id}`, autocomplete: "off",
    oninput: () => { decided.why[shot.shot_id] = why.value; store(); showBar(); },
  });
  why.value = decided.why[shot.shot_id] ?? "";
  review.badges = element("span", { class: "badges" });
  review.changed = element("p", { class: "note care", hidden: true },
    "What was bought after the first choice is bought again after another: ", element("code", {}, "longtake plan"), " tells for how much, and nothing is bought without ", element("code", {}, "--replace"), ".");
  const grid = element("div", { class: shot.height > shot.width ? "takes tall" : "takes", role: "group", "aria-label": `Takes of ${shot.shot_id}` }, figures);
  append(review.card, [
    element("div", { class: "review-head" }, element("h3", {}, isolated(shot.shot_id)), review.badges,
      followsWords(shot) ? element("span", { class: "follows" }, icon("next"), followsWords(shot)) : null),
    prompt(shot),
    shot.ruling ? element("p", { class: "facts", dir: "auto" }, shot.ruling) : null,
    grid,
    review.films.films.length ? transport(review) : null,
    review.changed,
    element("div", { class: "review-end" },
      element("button", { type: "button", class: "choose reject", "data-choice": "reject", onclick: () => act(review, "reject") }), why),
  ]);
  review.card.classList.add("built");
  showDecision(review);
}

/** Shows what is decided of a shot, in words and marks. */
function showDecision(review) {
  if (!review.films) return;
  const { shot } = review;
  const decision = decisionOf(shot);
  const stands = decision?.choice ?? ruledChoice(shot);
  const [words, tone] = REVIEW_WORDS[shot.review === "none" && shot.is_reviewed ? "coming" : shot.review] ?? REVIEW_WORDS.none;
  const ruled = shot.review === "chosen" && shot.chosen ? `Take ${shot.chosen} chosen` : words;
  const saved = decision && decided.saved[shot.shot_id] === wordsOf(shot, decision);
  review.badges.replaceChildren(
    element("span", { class: `badge ${tone}` }, icon(tone), ruled),
    ...(decision ? [element("span", { class: "badge busy" }, icon(saved ? "save" : "busy"), `You: ${choiceWords(decision.choice)}, ${saved ? "saved to the file" : "not saved"}`)] : []));
  for (const button of review.card.querySelectorAll(".choose[data-choice]")) {
    const { choice } = button.dataset;
    const pressed = choice === stands;
    const named = choice === "reject" ? (shot.takes.length > 1 ? "Reject all takes" : "Reject") : `Choose take ${choice}`;
    const done = choice === "reject" ? "Rejected" : `Take ${choice} chosen`;
    button.setAttribute("aria-pressed", String(pressed));
    button.replaceChildren(...(pressed || choice === "reject" ? [icon(pressed ? "good" : "bad")] : []), pressed ? done : named, element("kbd", { "aria-hidden": "true" }, choice === "reject" ? "x" : choice));
    button.closest(".take")?.classList.toggle("taken", pressed);
  }
  review.changed.hidden = !(decision && shot.review === "chosen");
  review.card.classList.toggle("decided", Boolean(stands));
}
