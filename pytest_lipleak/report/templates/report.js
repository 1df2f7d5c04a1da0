"use strict";
(() => {
  const number = (text) => (text === "" ? NaN : Number(text.replace(/[−–]/g, "-").replace(/[^-+.\deE]/g, "")));
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (/\d/.test(a + b) && (!isNaN(x) || !isNaN(y))) return isNaN(x) ? 1 : isNaN(y) ? -1 : x - y;
    return a.localeCompare(b, undefined, { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th:not(.nosort)").forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const cell = (row) => row.cells[head.cellIndex].textContent.trim();
        const rows = [...table.tBodies[0].rows];
        const numeric = head.classList.contains("number");
        const order = numeric ? compare : (a, b) => a.localeCompare(b, undefined, { numeric: true });
        rows.sort((a, b) => (falling ? -1 : 1) * order(cell(a), cell(b)));
        table.tBodies[0].append(...rows);
      });
    });
  }
  // What scrolls sideways says so; what does not is no stop of the Tab key. Clips are measured once they are looked at.
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const wider = target.scrollWidth > target.clientWidth + 1;
      target.classList.toggle("wider", wider);
      if (wider) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(".scroll")) sized.observe(box);
  const show = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
      target.querySelector("summary").focus({ preventScroll: true });
    }
  };
  addEventListener("hashchange", show);
  document.addEventListener("click", (event) => {
    if (event.target.matches?.(`a[href="${location.hash || "#"}"]`)) show();
  });
  show();
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => {
      const clips = [...document.querySelectorAll(`details[data-model="${button.dataset.open}"]`)];
      const open = clips.some((clip) => !clip.open);
      for (const clip of clips) clip.open = open;
      [button.textContent, button.dataset.label] = [button.dataset.label, button.textContent];
    });
  }
  // A player in place of every link, but only where someone looks: a thousand of them take a browser ten seconds.
  const player = (link) => {
    const video = document.createElement("video");
    Object.assign(video, { controls: true, preload: "metadata", playsInline: true, src: link.getAttribute("href") });
    link.replaceWith(video);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      player(entry.target);
    }
  }, { rootMargin: "50%" });
  for (const link of document.querySelectorAll("a.video")) seen.observe(link);
  for (const button of document.querySelectorAll(".together")) {
    button.addEventListener("click", () => {
      button.parentElement.querySelectorAll("a.video").forEach(player);
      const videos = [...button.parentElement.querySelectorAll("video")];
      const heard = videos.findIndex((video) => !video.muted);
      videos.forEach((video, index) => {
        // One sound at a time: unmute another video to hear that one.
        video.muted = index !== Math.max(heard, 0);
        video.currentTime = 0;
        video.play();
      });
    });
  }
})();
