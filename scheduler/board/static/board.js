// Keeps an open page of the board as the server would draw it now. It may not draw anything itself: it asks for the page anew and puts its parts in place.
"use strict";

(() => {
  const sign = document.getElementById("following");
  const source = new EventSource(document.body.dataset.live);
  let isLooking = false;
  let isStale = false;

  // What was said after a button was pressed is said once.
  const here = new URL(location.href);
  here.searchParams.delete("did");
  here.searchParams.delete("job");
  history.replaceState(null, "", here);

  const say = (word, isWell) => {
    sign.hidden = false;
    sign.textContent = word;
    sign.classList.toggle("lost", !isWell);
  };

  const put = (page) => {
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh) continue;
      const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
      for (const one of part.querySelectorAll("details[open]")) fresh.querySelector(`#${one.id}`)?.setAttribute("open", "");
      if (fresh.innerHTML === part.innerHTML) continue;
      part.replaceChildren(...fresh.childNodes);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
    document.title = page.title;
  };

  const look = async () => {
    if (document.hidden || isLooking) {
      isStale = true;
      return;
    }
    isLooking = true;
    isStale = false;
    try {
      const answer = await fetch(here, { cache: "no-store" });
      if (answer.redirected) return location.reload(); // to the login
      if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      say("Not live", false);
    } finally {
      isLooking = false;
    }
    if (isStale) look();
  };

  source.addEventListener("open", () => {
    say("Live", true);
    look(); // at what happened since the page was drawn, or since the line was lost
  });
  source.addEventListener("error", () => {
    say("Not live", false);
    if (source.readyState === EventSource.CLOSED) look(); // refused for good: perhaps the session is over
  });
  source.addEventListener("look", look);
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
  document.addEventListener("visibilitychange", () => isStale && look());
  addEventListener("pagehide", () => source.close());
})();
