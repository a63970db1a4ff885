// Keeps a list up to date without a reload: an event says that something changed, then the list is
// fetched as the server renders it. No text of an app passes through a script.
//
//   <section data-live="/inbox/live" data-fragment="/inbox?fragment=1">…</section>
//   <span class="live" data-live-state>…</span>     (optional: says whether updates arrive)
//   <p class="visually-hidden" role="status" data-live-news></p>   (optional: says what changed)
//
// The fragment's outermost element may carry data-count: how many things wait.
"use strict";

function keepUpToDate(region) {
  const state = document.querySelector("[data-live-state]");
  const news = document.querySelector("[data-live-news]");
  let count = countIn(region);
  let running = false;
  let again = false;

  async function refresh() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      const answer = await fetch(region.dataset.fragment, {
        credentials: "same-origin",
        headers: { accept: "text/html" },
        redirect: "manual",
      });
      if (!answer.ok) throw new Error("not shown");
      show(new DOMParser().parseFromString(await answer.text(), "text/html").body);
    } catch {
      say("lost", "Not up to date: load the page again");
    } finally {
      running = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  function show(fresh) {
    const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
    region.replaceChildren(...document.adoptNode(fresh).childNodes);
    if (focused) document.getElementById(focused)?.focus();
    const now = countIn(region);
    if (now !== null && now !== count) announce(now);
    count = now;
  }

  function announce(now) {
    for (const badge of document.querySelectorAll("[data-inbox-count]")) {
      badge.textContent = String(now);
      badge.hidden = now === 0;
    }
    document.title = document.title.replace(/^(\(\d+\) )?/, now > 0 ? `(${now}) ` : "");
    if (news) news.textContent = now === 1 ? "1 request waits" : `${now} requests wait`;
  }

  function say(name, text) {
    if (!state) return;
    state.dataset.state = name;
    state.textContent = text;
  }

  const events = new EventSource(region.dataset.live);
  let opened = false;
  events.addEventListener("open", () => {
    say("open", "Updates by itself");
    // What changed while the line was down is caught up with.
    if (opened) refresh();
    opened = true;
  });
  events.addEventListener("changed", refresh);
  events.addEventListener("error", () => say("lost", "Reconnecting…"));
  window.addEventListener("pagehide", () => events.close());
  // Brought back from the browser's memory, the page is as old as it looks.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

function countIn(region) {
  const counted = region.querySelector("[data-count]");
  return counted ? Number(counted.dataset.count) : null;
}

document.querySelectorAll("[data-live][data-fragment]").forEach(keepUpToDate);
