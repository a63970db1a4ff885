// What pages can do a little better with scripts. Everything works without it.
"use strict";

// Ask before what cannot be undone.
function confirmFirst(form) {
  let confirmed = false;
  form.addEventListener("submit", (event) => {
    if (confirmed || typeof HTMLDialogElement === "undefined") return;
    event.preventDefault();
    askIn(form, () => {
      confirmed = true;
      form.requestSubmit(event.submitter);
    });
  });
}

function askIn(form, onYes) {
  const dialog = document.createElement("dialog");
  const heading = element("h2", "", form.dataset.confirm);
  heading.id = "confirm-question";
  dialog.setAttribute("aria-labelledby", heading.id);
  const cancel = element("button", "button", "Cancel");
  const yes = element("button", "button danger", form.dataset.confirmLabel || "Continue");
  cancel.type = yes.type = "button";
  cancel.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    dialog.close();
    onYes();
  });
  dialog.addEventListener("close", () => dialog.remove());

  const body = element("div", "stack", "");
  body.append(heading);
  if (form.dataset.consequence) body.append(element("p", "", form.dataset.consequence));
  const actions = element("div", "actions end", "");
  actions.append(cancel, yes);
  body.append(actions);
  dialog.append(body);
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
}

function element(name, classes, text) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

// Copy a value, and say so.
function copyOnClick(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) return;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      button.textContent = "Copied";
    } catch {
      source.select?.();
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

// A button that decides does nothing until the page has been in front of the person for a second,
// so that a click meant for something else cannot land on it.
function armSlowly(button) {
  let timer;
  const arm = () => {
    button.disabled = true;
    clearTimeout(timer);
    if (document.visibilityState === "visible" && document.hasFocus()) {
      timer = setTimeout(() => (button.disabled = false), 1000);
    }
  };
  arm();
  window.addEventListener("focus", arm);
  window.addEventListener("blur", arm);
  window.addEventListener("pageshow", arm);
  document.addEventListener("visibilitychange", arm);
}

// A form is sent once, however often it is clicked.
function sendOnce(form) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
  });
  window.addEventListener("pageshow", () => (sent = false));
}

// Puts in what another page shows, as the server renders it, in the place of the link to that page.
async function bringIn(region) {
  try {
    const answer = await fetch(region.dataset.fragment, {
      credentials: "same-origin",
      headers: { accept: "text/html" },
      redirect: "manual",
    });
    if (!answer.ok) return;
    const shown = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    region.replaceChildren(...document.adoptNode(shown).childNodes);
  } catch {
    // The link stays.
  }
}

function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const escape = event.type === "keydown" && event.key === "Escape";
    const outside = event.type === "click" && !menu.contains(event.target);
    if (escape) menu.querySelector("summary").focus();
    if (escape || outside) menu.open = false;
  }
}

document.querySelectorAll("form[data-confirm]").forEach(confirmFirst);
document.querySelectorAll("form[method=post]").forEach(sendOnce);
document.querySelectorAll("[data-copy]").forEach(copyOnClick);
document.querySelectorAll("[data-arm]").forEach(armSlowly);
document.querySelectorAll("[data-fragment]:not([data-live])").forEach(bringIn);
document.addEventListener("click", closeMenus);
document.addEventListener("keydown", closeMenus);
// The first field that was wrong is where the person goes on.
document.querySelector("[aria-invalid=true]")?.focus();
