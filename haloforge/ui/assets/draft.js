// What was typed into the Playground's prompt stays in this browser, so that a reload does not empty it. An address that
// brings a problem along (from=...) fills the prompt itself.
(() => {
  const key = "halo-forge.prompt";
  const field = () => document.querySelector("#play-prompt textarea");
  const quietly = (act) => { try { return act(); } catch { return null; } };
  const brings = () => new URLSearchParams(location.search).has("from");

  document.addEventListener("input", (event) => {
    if (event.target === field()) quietly(() => localStorage.setItem(key, event.target.value));
  });

  const restore = () => {
    const box = field();
    if (!box) return false;
    const typed = quietly(() => localStorage.getItem(key));
    if (typed && !box.value && !brings()) {
      box.value = typed;
      box.dispatchEvent(new Event("input", {bubbles: true}));
    }
    return true;
  };

  // The tab's fields are put on the page when it is first opened.
  const waiting = new MutationObserver(() => { if (restore()) waiting.disconnect(); });
  waiting.observe(document, {childList: true, subtree: true});
})();
