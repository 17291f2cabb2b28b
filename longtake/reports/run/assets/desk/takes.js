// The takes of a shot side by side, each with what was noted of it and the button that chooses it.

function takeFilm(shot, take) {
  const film = element("video", { preload: "none", playsinline: true, poster: take.poster, "data-source": take.clip, "aria-label": `Take ${take.number} of ${shot.shot_id}` });
  film.muted = true;
  return film;
}

/** What a person weighs beside the pictures. */
function takeNotes(take) {
  const { label, tone } = verdictOf({ verdict: take.verdict });
  return [
    canChoose(take) && take.verdict === "done" ? null : element("span", { class: `badge ${tone}` }, icon(tone), label),
    take.warnings ? element("span", { class: "noted", dir: "auto" }, take.warnings) : null,
    typeof take.drift === "number" ? element("span", {}, `drift ${NUMBER(1).format(take.drift)}`) : null,
  ];
}

/** The number that people choose by, and the take of its file where that is another. */
function takeName(take) {
  return take.take && take.take !== take.number ? `Take ${take.number} (take ${take.take})` : `Take ${take.number}`;
}

function takeFigure(review, take) {
  const { shot } = review;
  const frame = element("div", { class: "take-frame" });
  const film = take.clip ? takeFilm(shot, take) : null;
  if (film) {
    film.addEventListener("click", () => review.films.toggle());
    film.addEventListener("error", () => {
      if (!film.getAttribute("src")) return;
      review.films.films = review.films.films.filter((other) => other !== film);
      frame.replaceChildren(element("div", { class: "nothing" }, icon("bad"), "It cannot be played here.", element("a", { href: take.clip }, "Open the file")));
    });
    frame.append(film);
  } else frame.append(element("div", { class: "nothing" }, icon("film"), "No clip"));
  const sound = film ? element("button", {
    type: "button", class: "quiet sound", "aria-pressed": "false", "aria-label": `Sound of take ${take.number}`, onclick: () => hear(review, film),
  }, icon("sound")) : null;
  const choose = canChoose(take) ? element("button", {
    type: "button", class: "choose", "data-choice": String(take.number), onclick: () => act(review, String(take.number)),
  }) : element("span", { class: "facts" }, "cannot be chosen");
  return element("figure", { class: "take", "data-number": String(take.number) }, frame,
    element("figcaption", {}, element("div", { class: "take-head" }, element("b", {}, takeName(take)), sound), element("div", { class: "facts" }, takeNotes(take)), choose));
}

/** One take is heard at a time; once more and none is. */
function hear(review, film) {
  const on = film.muted;
  for (const other of review.films.films) other.muted = !(on && other === film);
  for (const figure of review.card.querySelectorAll(".take")) {
    figure.querySelector(".sound")?.setAttribute("aria-pressed", String(figure.querySelector("video")?.muted === false));
  }
}

/** Play, time and place of all takes of a shot. */
function transport(review) {
  const { films } = review;
  const play = element("button", { type: "button", class: "quiet play-all", onclick: () => films.toggle() });
  const scrub = element("input", {
    type: "range", min: "0", step: "any", value: "0", "aria-label": `Time in all takes of ${review.shot.shot_id}`,
    oninput: () => films.scrub(Number(scrub.value)),
    onkeydown: (event) => {
      const step = { ArrowLeft: -PICTURE_SECONDS, ArrowRight: PICTURE_SECONDS }[event.key];
      if (!step) return;
      event.preventDefault();
      films.scrub(films.at + step);
    },
  });
  const time = element("span", { class: "time-words" });
  const loop = element("button", {
    type: "button", class: "quiet", "aria-pressed": "true", title: "Begin again at the end",
    onclick: () => { films.loop = !films.loop; loop.setAttribute("aria-pressed", String(films.loop)); },
  }, "Loop");
  let shownPlaying = null;
  films.onChange = () => {
    if (shownPlaying !== films.playing) {
      shownPlaying = films.playing;
      play.replaceChildren(icon(films.playing ? "pause" : "play"), films.playing ? "Pause" : "Play in step");
    }
    scrub.max = String(films.seconds);
    scrub.value = String(films.at);
    const words = `${films.at.toFixed(1)} of ${films.seconds.toFixed(1)} s`;
    if (time.textContent === words) return;
    time.textContent = words;
    scrub.setAttribute("aria-valuetext", words);
  };
  films.onChange();
  return element("div", { class: "transport" }, play, scrub, time, loop);
}
