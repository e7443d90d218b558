// The page: routes after the hash, the colour theme and the question for a key.

import { keepKey } from "/page/client.js";
import { fill, h } from "/page/dom.js";
import { launch } from "/page/launch.js";
import { keepCurrent, refresh } from "/page/list.js";
import { openSearch } from "/page/search.js";

const main = document.getElementById("main");
const link = document.getElementById("link");
const dialog = document.getElementById("dialog");
let leave = () => {};

function welcome() {
  document.title = "Efficient super-resolution search";
  fill(main, h("div", { class: "welcome" },
    h("h2", {}, "Networks measured, not estimated"),
    h("p", {}, "A search trains and times candidate networks on this machine and keeps those that nothing else beats in both quality and speed. Choose a search, or start one."),
    h("a", { class: "button primary", href: "#/new" }, "New search")));
}

function route() {
  leave();
  leave = () => {};
  link.replaceChildren();
  const [, view = "", id = ""] = location.hash.split("/");
  document.body.dataset.view = view || "home";
  if (view === "searches") leave = openSearch(main, id, { link, dialog, onchange: refresh });
  else if (view === "new") launch(main);
  else welcome();
  refresh();
  scrollTo(0, 0);
}

const THEMES = { system: ["", "as the system", "◐"], light: ["light", "light", "☀"], dark: ["dark", "dark", "☾"] };

function theme(name) {
  const [scheme, words, sign] = THEMES[name] ?? THEMES.system;
  const button = document.getElementById("theme");
  document.documentElement.style.colorScheme = scheme;
  button.setAttribute("aria-label", `Colour theme: ${words}`);
  button.title = button.getAttribute("aria-label");
  button.textContent = sign;
  localStorage.setItem("nas-theme", name);
  dispatchEvent(new Event("theme"));
}

function nextTheme() {
  const names = Object.keys(THEMES);
  theme(names[(names.indexOf(localStorage.getItem("nas-theme")) + 1) % names.length]);
}

function askForKey({ detail }) {
  if (dialog.open) return;
  const field = h("input", { id: "key", type: "password", autocomplete: "off", required: true, autofocus: true });
  const save = (event) => {
    event.preventDefault();
    keepKey(field.value.trim());
    dialog.close();
    route();
  };
  fill(dialog, h("form", { onsubmit: save },
    h("h2", { id: "dialog-title" }, "This service asks for a key"),
    h("p", {}, detail),
    h("label", { for: "key" }, "API key"), field,
    h("p", { class: "hint" }, "It is kept until this tab is closed."),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Use this key"))));
  dialog.showModal();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById("theme").addEventListener("click", nextTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("theme")));
addEventListener("key-needed", askForKey);
addEventListener("hashchange", route);
theme(localStorage.getItem("nas-theme") ?? "system");
route();
keepCurrent();
