// Gradio's code editor has colours that are too pale to read: each is mixed with the colour of text on the page.
// The editor keeps its rules in the first style element, and writes them anew whenever it needs more of them.
(() => {
  let done = null;
  const readable = () => {
    const sheet = document.head.querySelector("style")?.sheet;
    if (!sheet || sheet === done) return;
    const rules = [...sheet.cssRules].filter((rule) => /^\.ͼ\w+$/.test(rule.selectorText) && rule.style.color);
    for (const rule of rules) rule.style.color = `color-mix(in srgb, ${rule.style.color}, var(--text) 55%)`;
    done = sheet;
  };
  setInterval(readable, 300);
})();
