// A pane shows markup that the server rendered. New markup keeps scroll positions, open details, focus and chart zoom.
// Links that begin with "?" and elements with data-act become messages to the server, all through one component, the bus.
(() => {
  const waiting = [];
  let send = (message) => waiting.push(message);  // until the bus is there and has told the address
  let plotly = null;

  const loadPlotly = () => {
    plotly ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = window.haloPlotly;
      script.onload = () => resolve(window.Plotly);
      script.onerror = reject;
      document.head.append(script);
    });
    return plotly;
  };

  const drawChart = async (node) => {
    const json = node.dataset.chart;
    if (node.haloDrawn === json) return;
    node.haloDrawn = json;
    const Plotly = await loadPlotly();
    if (!node.isConnected || node.haloDrawn !== json) return;
    const figure = JSON.parse(json);
    const style = getComputedStyle(node);
    const layout = figure.layout;
    layout.font = {...layout.font, color: style.getPropertyValue("--muted"), family: style.fontFamily};
    for (const axis of ["xaxis", "yaxis"]) {
      layout[axis] = {...layout[axis], gridcolor: style.getPropertyValue("--line"), zerolinecolor: style.getPropertyValue("--line")};
    }
    layout.hoverlabel = {bgcolor: style.getPropertyValue("--panel"), bordercolor: style.getPropertyValue("--line"),
      font: {color: style.getPropertyValue("--text")}};
    layout.modebar = {bgcolor: style.getPropertyValue("--panel"), color: style.getPropertyValue("--muted"),
      activecolor: style.getPropertyValue("--text")};
    // where nothing hovers it would always cover the legend, and in a flat chart there is nothing to zoom
    const bar = !node.classList.contains("flat") && matchMedia("(hover: hover)").matches && "hover";
    await Plotly.react(node, figure.data, layout, {responsive: true, displaylogo: false, displayModeBar: bar,
      showSendToCloud: false, plotlyServerURL: "",  // else a button offers to upload the chart to Plotly
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"]});
  };

  // Charts keep their node, and with it their zoom; scrolled boxes keep their position; a log that is at its end stays there.
  const replace = (slot, html) => {
    if (html) document.getElementById("first")?.remove();
    const scrolls = new Map();
    for (const box of slot.querySelectorAll("[data-keep]")) {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
      scrolls.set(box.dataset.keep, {top: box.scrollTop, left: box.scrollLeft, atEnd});
    }
    const opened = new Map([...slot.querySelectorAll("details[id]")].map((d) => [d.id, d.open]));
    const charts = new Map([...slot.querySelectorAll("[data-chart][id]")].map((c) => [c.id, c]));
    const focused = slot.contains(document.activeElement) ? identity(document.activeElement) : null;
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    for (const next of fresh.content.querySelectorAll("[data-chart][id]")) {
      const old = charts.get(next.id);
      if (!old) continue;
      old.dataset.chart = next.dataset.chart;
      next.replaceWith(old);
    }
    const caret = document.activeElement;
    const selection = caret?.matches("input,textarea") ? [caret.selectionStart, caret.selectionEnd] : null;
    for (const old of slot.querySelectorAll("form[data-form][id],input[data-find][id]")) {
      if (!old.haloDirty && !old.contains(caret)) continue;
      const next = fresh.content.querySelector(`[id="${old.id}"]`);
      if (next?.dataset.find) old.dataset.find = next.dataset.find;
      next?.replaceWith(old);
    }
    slot.replaceChildren(fresh.content);
    if (selection && caret !== document.activeElement && slot.contains(caret)) {
      caret.focus({preventScroll: true});
      caret.setSelectionRange(...selection);
    }
    for (const d of slot.querySelectorAll("details[id]")) if (opened.has(d.id)) d.open = opened.get(d.id);
    for (const box of slot.querySelectorAll("[data-keep]")) {
      const was = scrolls.get(box.dataset.keep);
      if (was) { box.scrollLeft = was.left; box.scrollTop = was.top; }
      if ("end" in box.dataset && (!was || was.atEnd)) box.scrollTop = box.scrollHeight;
    }
    if (focused) [...slot.querySelectorAll("a,button,select,summary")].find((e) => identity(e) === focused)?.focus({preventScroll: true});
    slot.querySelectorAll("[data-chart]").forEach(drawChart);
    slot.querySelectorAll("time[data-t],[data-since]").forEach(showTime);
  };

  // The same for an element and its successor in new markup.
  const identity = (e) => [e.tagName, e.getAttribute("href"), e.dataset.act, e.dataset.value, e.name].join("|");

  // The browser counts ages and running times, so that the server need not send a pane again when only time has passed.
  const duration = (s) => s < 60 ? `${Math.floor(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min`
    : s < 86400 ? `${Math.floor(s / 3600)} h${s % 3600 < 60 ? "" : ` ${Math.floor((s % 3600) / 60)} min`}` : `${Math.floor(s / 86400)} d`;
  const age = (s) => `${s >= 3600 && s < 86400 ? `${Math.floor(s / 3600)} h` : duration(s)} ago`;
  const showTime = (e) => {
    const seconds = Math.max(0, Date.now() / 1000 - Number(e.dataset.t ?? e.dataset.since));
    const text = e.dataset.t ? age(seconds) : duration(seconds);
    if (e.textContent !== text) e.textContent = text;
    if (e.dataset.t && !e.title) e.title = new Date(1000 * e.dataset.t).toLocaleString();
  };
  const showTimes = () => document.querySelectorAll("time[data-t],[data-since]").forEach(showTime);
  document.addEventListener("DOMContentLoaded", showTimes);
  setInterval(showTimes, 1000);

  const go = (href, push = true) => {
    if (push) history.pushState(null, "", href);
    send({go: href});
  };

  const copy = async (button) => {
    const text = button.dataset.copy;
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else {
      const area = document.body.appendChild(Object.assign(document.createElement("textarea"), {value: text}));
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  };

  const onClick = (event) => {
    const link = event.target.closest('a[href^="?"]');
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      return go(link.getAttribute("href"));
    }
    const button = event.target.closest("[data-act],[data-copy]");
    if (button?.dataset.copy !== undefined) return copy(button);
    if (button?.dataset.act) {
      if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
      return send({act: button.dataset.act, value: button.dataset.value});
    }
    if (!link && !String(window.getSelection())) event.target.closest("tr[data-row]")?.querySelector('a[href^="?"]')?.click();
  };

  // What the server put into the HTML is clicked before anything else works.
  document.addEventListener("click", (event) => { if (event.target.closest("#first")) onClick(event); });

  // A field that searches: its words become part of the address once no more are typed for a moment.
  let typing = 0;
  const find = (input) => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      const words = input.value.trim();
      const address = input.dataset.find + (words ? `&${input.name}=${encodeURIComponent(words)}` : "");
      history.replaceState(null, "", address);
      go(address, false);
    }, 300);
  };

  // A form goes to the server as one message, of what was changed in it alone, so that it undoes nothing that another
  // browser has saved since. While something in it is not sent, drawing the pane anew keeps its node.
  const submit = (event) => {
    const form = event.target.closest("form[data-form]");
    if (!form) return;
    event.preventDefault();
    form.haloDirty = false;
    const changed = [...form.elements].filter((e) => e.name && e.value !== e.defaultValue).map((e) => [e.name, e.value]);
    const value = JSON.stringify({...Object.fromEntries(changed), value: form.dataset.value});
    send({act: form.dataset.form, value});
  };

  window.haloPane = (element, props, watch, trigger) => {
    const slot = element.querySelector(".slot");
    const draw = () => replace(slot, props.value || "");
    slot.addEventListener("click", (event) => {
      const pick = event.target.closest("[data-pick]");
      if (pick) trigger("select", {pick: pick.dataset.pick});
    });
    slot.addEventListener("click", onClick);
    slot.addEventListener("change", (event) => { if (event.target.matches("select[data-go]")) go(event.target.value); });
    slot.addEventListener("input", (event) => {
      if (event.target.dataset.find) find(event.target);
      const form = event.target.closest("form[data-form]");
      if (form) form.haloDirty = true;
    });
    slot.addEventListener("submit", submit);
    watch("value", draw);
    draw();
  };

  // The bus: the only way to the server. Its value is the address of what is shown, and behind a # the number of the
  // message that it answers. An answer to an older click than the last must not change the address: a reload or a tick
  // at that moment would lead back to what was left.
  window.haloBus = (element, props, watch, trigger) => {
    let sent = 0, lastClick = 0;
    send = (message) => {
      sent += 1;
      if (!message.act) lastClick = sent;
      trigger("select", {...message, number: sent});
    };
    const showAddress = () => {
      const [address, number] = (props.value || "").split("#");
      if (waiting.length) waiting.splice(0).forEach(send);  // what was clicked leads elsewhere
      else if (address && Number(number || 0) >= lastClick && address !== location.search) history.replaceState(null, "", address);
    };
    watch("value", showAddress);
    window.addEventListener("popstate", () => go(location.search, false));
  };

  // The strip of tabs. Clicks are reported from here, because Gradio's own tab events also fire when the server opens a tab.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#tabs > .tab-wrapper button");
    const tab = button && window.haloTabs[button.textContent.trim()];
    if (!tab) return;
    const address = new URLSearchParams(location.search);
    address.set("tab", tab);
    for (const name of ["samples", "after", "before", "sample", "from", "ask"]) address.delete(name);
    history.pushState(null, "", `?${address}`);
    send({tab});
  });

  // The keys j and k move through the rows of the last visible list.
  document.addEventListener("keydown", (event) => {
    if (!["j", "k"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input,textarea,select,[contenteditable]")) return;
    const list = [...document.querySelectorAll("table.walk")].filter((t) => t.offsetParent).at(-1);
    const rows = list ? [...list.querySelectorAll("tr[data-row]")] : [];
    const now = rows.findIndex((row) => row.classList.contains("on"));
    const next = rows[now < 0 ? 0 : now + (event.key === "j" ? 1 : -1)];
    const page = list?.closest(".scroll")?.nextElementSibling?.querySelector(`a[rel="${event.key === "j" ? "next" : "prev"}"]`);
    (next?.querySelector('a[href^="?"]') ?? page)?.click();
  });

  // Whether the server is there is asked every two seconds, so that a page never goes on counting down for a dead one.
  let gone = 0;
  const ask = async () => {
    if (document.hidden) return;
    try {
      await fetch(new URL("gradio_api/app_id", document.baseURI), {signal: AbortSignal.timeout(5000), cache: "no-store"});
      if (gone) back();
    } catch (error) {
      if (!gone) leave();
    }
  };
  const leave = () => {
    gone = Date.now();
    const banner = document.createElement("div");
    banner.id = "gone";
    banner.setAttribute("role", "alert");
    banner.textContent = "The server does not answer. Runs go on without it; this page comes back by itself.";
    document.body.prepend(banner);
    document.body.classList.add("gone");
  };
  const back = () => {
    gone = 0;
    document.getElementById("gone")?.remove();
    document.body.classList.remove("gone");
    go(location.search, false);
  };
  setInterval(ask, 2000);

  // A key that a visible button names presses it, unless somebody types.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select,[contenteditable]")) return;
    [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === event.key && e.offsetParent)?.click();
  });

  // A change of theme (a class of the body) redraws the charts in the new colours.
  const redraw = () => document.querySelectorAll("[data-chart]").forEach((node) => { node.haloDrawn = ""; drawChart(node); });
  document.addEventListener("DOMContentLoaded", () =>
    new MutationObserver(redraw).observe(document.body, {attributes: true, attributeFilter: ["class"]}));
})();
