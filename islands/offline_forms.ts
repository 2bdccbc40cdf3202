/// <reference lib="dom" />

/** Why a form was kept back. */
export const NOT_SENT = "You're offline, so nothing was sent. What you typed stays here: send it " +
  "again once you have a connection.";

/**
 * A form that is sent without a connection stays: the browser would put a page of its own in place of
 * this one, and what was typed would be gone.
 */
export function watchForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || navigator.onLine || !(form instanceof HTMLFormElement)) return;
    if (form.method !== "post") return;
    event.preventDefault();
    const hasFields = form.querySelector("input:not([type=hidden]), textarea, select") !== null;
    const told = form.querySelector("[data-offline]") ?? document.createElement("p");
    told.textContent = hasFields ? NOT_SENT : "You're offline: nothing was sent.";
    told.className = "field-error offline-note";
    told.role = "alert";
    told.toggleAttribute("data-offline", true);
    form.append(told);
    told.scrollIntoView({ block: "nearest" });
  });
  addEventListener("online", () => {
    for (const told of document.querySelectorAll("[data-offline]")) told.remove();
  });
}
