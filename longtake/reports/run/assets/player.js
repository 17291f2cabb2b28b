// The film of a reel and its strip of posters: a poster plays the film from its shot, or the shot's own clip.

/** The box in which a reel's film plays. */
function stage(reel) {
  const first = reel.shots.find((shot) => shot.clip);
  const box = element("div", { class: isTall(reel) ? "stage tall" : "stage" });
  if (reel.film) box.append(video(reel, reel.film, `Film of reel ${reel.name}`));
  else if (reel.shots.length === 1 && first) box.append(video(reel, first.clip, `Clip of ${first.shot_id}`));
  else box.append(element("div", { class: "nothing" }, icon("film"), element("span", { dir: "auto" }, noFilm(reel))));
  const film = box.querySelector("video");
  if (film) {
    const label = `Play ${film.getAttribute("aria-label")}`;
    box.append(element("button", { type: "button", class: "begin", "aria-label": label, onclick: () => begin(film) }, icon("play")));
  }
  return box;
}

function noFilm(reel) {
  const missing = unfinished(reel);
  if (missing && reel.shots.length === 1) return verdictOf(reel.shots[0]).label;
  if (reel.note || !missing) return reel.note || "No film";
  return `No film: ${missing} of ${plural(reel.shots.length, reel.shots.some((shot) => shot.variants) ? "take" : "shot")} not done`;
}

const isTall = (reel) => reel.shots.some((shot) => shot.height > shot.width);

/** The browser's own controls come with the first play; until then the poster stands undisturbed. */
function begin(film) {
  film.controls = true;
  film.parentElement?.querySelector(".begin")?.remove();
  film.play().catch(() => { /* told by the error event */ });
  film.focus({ preventScroll: true });
}

function video(reel, source, label) {
  const made = element("video", {
    preload: "none", playsinline: true, src: source, "aria-label": label,
    poster: reel.shots.find((shot) => shot.poster)?.poster,
  });
  made.addEventListener("timeupdate", () => showPlace(reel, made));
  made.addEventListener("play", () => {
    for (const other of document.querySelectorAll("video")) if (other !== made) other.pause();
  });
  made.addEventListener("error", () => {
    const link = element("a", { href: source }, "Open the file");
    made.parentElement?.replaceChildren(element("div", { class: "nothing" }, icon("bad"), "It cannot be played here.", link));
  });
  return made;
}

/** Where each shot begins in the film: as the receipt tells, else one after the other. */
function starts(reel) {
  let after = 0;
  return reel.shots.map((shot) => {
    if (!isDone(shot) || !inFilm(shot)) return null;
    const start = shot.starts_at ?? after;
    after = start + (shot.clip_seconds ?? 0);
    return start;
  });
}

function playShot(reel, place) {
  const shot = reel.shots[place];
  const box = reel.card.querySelector(".stage");
  let film = box.querySelector("video");
  const source = reel.film && isDone(shot) && inFilm(shot) ? reel.film : shot.clip;
  if (!source) return;
  if (film?.getAttribute("src") !== source) {
    film = video(reel, source, source === reel.film ? `Film of reel ${reel.name}` : `Clip of ${shot.shot_id}`);
    box.replaceChildren(film);
  }
  const seek = () => { film.currentTime = source === reel.film ? starts(reel)[place] : 0; };
  film.readyState ? seek() : film.addEventListener("loadedmetadata", seek, { once: true });
  begin(film);
}

function showPlace(reel, film) {
  const source = film.getAttribute("src");
  const times = source === reel.film ? starts(reel) : reel.shots.map((shot) => (shot.clip === source ? 0 : null));
  const playing = times.findLastIndex((from) => from !== null && from <= film.currentTime + 0.01);
  reel.card.querySelectorAll(".tile").forEach((tile, place) => {
    const done = times[place] === null ? 0 : (film.currentTime - times[place]) / (reel.shots[place].clip_seconds || 1);
    tile.classList.toggle("playing", place === playing);
    tile.querySelector("i").style.width = `${100 * Math.min(1, Math.max(0, done))}%`;
  });
}

/** The reel's shots side by side, each as wide as it is long. */
function strip(reel) {
  const times = starts(reel);
  const list = element("div", { class: "strip", role: "group", "aria-label": `Shots of reel ${reel.name}`, tabindex: reel.shots.length > 8 ? "0" : null });
  reel.shots.forEach((shot, place) => {
    const { label, tone } = verdictOf(shot);
    const known = shot.clip_seconds ? `${shot.clip_seconds.toFixed(1)} s` : label;
    const plays = shot.clip || (reel.film && isDone(shot));
    const from = plays && reel.film && times[place] !== null ? ` from ${playTime(times[place])}` : "";
    const tile = element(
      plays ? "button" : "div",
      {
        class: "tile", type: plays ? "button" : null, title: [shot.shot_id, takeWords(shot), label].filter(Boolean).join(": "),
        onclick: plays ? () => playShot(reel, place) : null,
      },
      element("span", { class: "frame" },
        shot.poster ? element("img", { src: shot.poster, alt: "", loading: "lazy", decoding: "async" }) : icon(tone),
        plays ? icon("play", "play") : null),
      element("span", { class: `bar tone-${tone}` }, element("i")),
      element("span", { class: "caption" },
        element("span", { class: "unseen" }, plays ? "Play shot " : "Shot "),
        shot.continues_from ? element("span", { "aria-hidden": "true" }, "↪ ") : null,
        isolated(shot.shot), shot.variants ? ` take ${shot.take}` : "", ` · ${known}`, element("span", { class: "unseen" }, from)),
    );
    tile.style.setProperty("--seconds", Math.max(1, shot.clip_seconds ?? 5));
    list.append(tile);
  });
  return list;
}
