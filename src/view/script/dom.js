// SPDX-License-Identifier: MIT
// dom: creates elements, and writes values as text. All data is untrusted: texts become text nodes, never markup.
const dom = (() => {
  const SHOWN = 500; // lines and rows shown at once

  /* Create an element with properties and children (elements or texts; null and undefined are left out). */
  function make(tag, props, ...children) {
    const el = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name === "text") el.textContent = value;
      else if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) el.setAttribute(name, value);
    }
    for (const child of children) if (child !== null && child !== undefined) el.append(child);
    return el;
  }

  function button(text, onclick, props) {
    return make("button", { type: "button", text, onclick, ...props });
  }

  /* A field for a search; oninput is called at each change. */
  function searchField(label, placeholder, oninput) {
    return make("input", { type: "search", "aria-label": label, placeholder, oninput });
  }

  function dim(text) {
    return make("span", { class: "dim", text });
  }

  /* A paragraph of secondary importance. */
  function note(text) {
    return make("p", { class: "dim", text });
  }

  function pre(text) {
    return make("pre", { tabindex: "0", text });
  }

  /* A box that scrolls; the keyboard reaches it. */
  function scroll(...children) {
    return make("div", { class: "scroll", tabindex: "0" }, ...children);
  }

  function tools(...children) {
    return make("div", { class: "tools" }, ...children);
  }

  /* The first row of a table, with the names of the columns. */
  function headRow(names) {
    return make("thead", {}, make("tr", {}, ...names.map((text) => make("th", { scope: "col", text }))));
  }

  function part(title, ...children) {
    return make("section", {}, make("h3", { text: title }), ...children);
  }

  /* A collapsible part whose contents are created when the part is first opened. */
  function lazy(title, fill, open) {
    const box = make("details", { open: open ? "" : null }, make("summary", {}, title));
    let filled = false;
    function show() {
      if (!box.open || filled) return;
      filled = true;
      box.append(...[].concat(fill()).filter(Boolean));
    }
    box.addEventListener("toggle", show);
    show();
    return box;
  }

  /* Append items to parent, some at a time; rows are created when they are shown. Returns the parent and the button. */
  function growing(parent, items, render, step = SHOWN) {
    let shown = 0;
    const more = button("", grow);
    function grow() {
      parent.append(...items.slice(shown, shown + step).map(render));
      shown = Math.min(shown + step, items.length);
      more.textContent = "Show more (" + (items.length - shown) + " left)";
      more.hidden = shown >= items.length;
    }
    grow();
    return [parent, more];
  }

  /* A relative URL for a file; each part of the path is escaped, so that it remains one part. */
  function href(path) {
    return "./" + path.split("/").map(encodeURIComponent).join("/");
  }

  // Types that browsers open without running code in them. Other files are named without a link, unless they come
  // from the server, which sends them as plain text or as a download.
  const SAFE = /\.(png|jpe?g|gif|webp|webm|mp4|json|txt|csv|pdf|zip)$/i;

  function link(row, text) {
    if (!SAFE.test(row.p) && !skyarc.live) return make("code", { text: row.p });
    const props = { href: href(row.p), target: "_blank", rel: "noopener noreferrer" };
    return make("a", { ...props, text: text || last(row.p.split("/")) });
  }

  /* A status as a coloured word; text: the word, if it is not the status. */
  function badge(status, text) {
    const style = /^\w+$/.test(status) ? status : "";
    return make("span", { class: "status " + style, text: text || status || "unknown" });
  }

  function size(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) {
      bytes /= 1024;
      unit++;
    }
    return (unit ? bytes.toFixed(1) : bytes) + " " + units[unit];
  }

  function money(value) {
    return "$" + value.toFixed(value < 0.1 ? 4 : 2);
  }

  function number(value) {
    return typeof value === "number" && isFinite(value) ? value : 0;
  }

  function plural(count, word) {
    return count + " " + word + (count === 1 ? "" : "s");
  }

  function last(list) {
    return list[list.length - 1];
  }

  /* The texts that are not empty, with commas between them. */
  function listed(...values) {
    return values.filter(Boolean).join(", ");
  }

  /* Any value of a record, as text. */
  function say(value) {
    if (value === null || value === undefined) return "";
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  /* The objects of an array; of any other value, none. */
  function objects(value) {
    return Array.isArray(value) ? value.filter((v) => v && typeof v === "object") : [];
  }

  /* A value, or a text that is JSON, with a line for each member. */
  function pretty(value) {
    if (typeof value !== "string") return JSON.stringify(value, null, 2);
    try {
      const parsed = JSON.parse(value);
      return parsed && typeof parsed === "object" ? JSON.stringify(parsed, null, 2) : value;
    } catch {
      return value;
    }
  }

  /* A text in lower case, of the same length: the dotted capital I is the one letter that would become two. */
  function fold(text) {
    return text.replaceAll("\u0130", "i").toLowerCase();
  }

  /* Append a text to an element, with each match of a folded search text marked. */
  function marked(el, text, want) {
    const folded = want ? fold(text) : "";
    let from = 0;
    for (let i; want && (i = folded.indexOf(want, from)) >= 0; from = i + want.length)
      el.append(text.slice(from, i), make("mark", { text: text.slice(i, i + want.length) }));
    el.append(text.slice(from));
    return el;
  }

  return {
    SHOWN, make, button, searchField, dim, note, pre, scroll, tools, headRow, part, lazy, growing, href, link, badge,
    size, money, number, plural, last, listed, say, objects, pretty, fold, marked,
  };
})();
