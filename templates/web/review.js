// Keys for the review queue. They press the buttons of its forms: without this script nothing is missing.
"use strict";
(() => {
  const buttons = { r: "relevant", i: "irrelevant", d: "duplicate" };
  const entries = [...document.querySelectorAll(".review")];
  const present = () => document.activeElement.closest(".review");
  const go = (step) => {
    const at = entries.indexOf(present());
    const entry = entries[at < 0 ? 0 : Math.min(Math.max(at + step, 0), entries.length - 1)];
    if (entry) {
      entry.focus({ preventScroll: true });
      entry.scrollIntoView({ block: "center" });
    }
  };
  document.querySelectorAll(".keys").forEach((it) => { it.hidden = false; });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=hidden]), select, textarea");
    if (event.key === "Escape" && typing && present()) present().focus();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "n" && present()) present().querySelector("[name=note]").focus();
    else if (buttons[event.key] && present()) present().querySelector(`[value=${buttons[event.key]}]`).click();
    else return;
    event.preventDefault();
  });
  const named = location.hash && document.getElementById(location.hash.slice(1));
  const first = named || (document.querySelector(".done") && entries[0]);
  if (first) first.focus();
})();
