// SPDX-License-Identifier: MIT
// texts: the texts of the run that is shown: as copied into this page, searchable; or from their own files, in a frame.
const texts = (() => {
  const { make, button, lazy, href, link, pretty, note, dim } = dom;
  const LITTLE = 800; // bytes; the frame of a shorter text is low
  const SEARCHED = 2000; // characters; a longer text gets a field to search it
  const SHOWABLE = /\.(txt|json|log)$/i; // files that browsers show
  let all = new Map(); // path -> {cut, value}
  let coming = null; // a promise: afterwards no more texts are added

  /* The text of a file, or the value that was parsed from it; null: the page does not contain it. */
  function of(path) {
    const text = all.get(path);
    return text ? text.value : null;
  }

  function isCut(path) {
    const text = all.get(path);
    return text !== undefined && text.cut;
  }

  /* The elements of a text; a long text gets a field to search it. */
  function searchable(text) {
    const pre = dom.pre(text);
    if (text.length < SEARCHED) return [pre];
    const count = make("output", { class: "dim" });
    const find = dom.searchField("search this text", "search", () => {
      const want = dom.fold(find.value);
      pre.replaceChildren();
      dom.marked(pre, text, want);
      const found = pre.querySelectorAll("mark");
      count.textContent = want ? found.length + (found.length === 1 ? " match" : " matches") : "";
      if (found.length) found[0].scrollIntoView({ block: "nearest" });
    });
    return [dom.tools(find, count), pre];
  }

  /* A sandbox for a file or a captured page. */
  function frame(title, props) {
    return make("iframe", { sandbox: "", referrerpolicy: "no-referrer", title, ...props });
  }

  /* A file in a frame, or a link to the file if browsers do not show its type. */
  function file(row) {
    if (!SHOWABLE.test(row.p)) return [make("p", {}, "Not in this page: ", link(row))];
    const props = { class: row.z < LITTLE ? "little" : null, loading: "lazy", src: href(row.p) };
    const beyond = dim(" is shown from its own file; only the browser's own search (Ctrl+F) finds words in it.");
    return [make("p", {}, link(row), beyond), frame(pictures.label(row), props)];
  }

  /* The text of an artifact, or its file if the page does not contain the text. */
  function body(row) {
    const text = of(row.p);
    if (text === null) return file(row);
    if (!isCut(row.p)) return searchable(pretty(text));
    return [make("p", { class: "dim" }, "Truncated; the whole text: ", link(row)), ...searchable(text)];
  }

  /* A captured page in a frame, with scripts, links, handlers and frames removed. */
  function sandboxed(text) {
    const unsafe = /^(on|src|href|style|action|formaction|data$|poster|background|ping|xlink)/i;
    const page = new DOMParser().parseFromString(skyarc.policy.createHTML(text), "text/html");
    for (const el of page.querySelectorAll("script,link,meta,base,iframe,frame,object,embed,style,portal")) el.remove();
    for (const el of page.querySelectorAll("*"))
      for (const { name } of [...el.attributes]) if (unsafe.test(name)) el.removeAttribute(name);
    const srcdoc = skyarc.policy.createHTML(page.documentElement.outerHTML);
    return frame("captured page, without scripts, styles and images", { srcdoc });
  }

  /* A captured page: its text, and a button that shows the page. */
  function html(row) {
    const text = of(row.p);
    if (text === null) return body(row);
    const place = make("div");
    const show = button("Show the page in a sandbox", () => {
      place.replaceChildren(sandboxed(text));
      show.remove();
    });
    return [make("p", {}, show, " ", dom.dim("without its scripts, styles and images")), place, ...body(row)];
  }

  /* What changed since the text of the same type in an earlier step, whose name is since. */
  function changes(row, before, since) {
    const old = of(before.p);
    const now = of(row.p);
    if (old !== null && now !== null)
      return lazy("What changed since " + since, () => [lines.view(pretty(old), pretty(now))]);
    const advice = skyarc.live ? "." : "; skyarc view can compare them.";
    return note("The texts of this step and of " + since + " are not both in this page" + advice);
  }

  /* Call fn when all texts are here that will be: now, or later. */
  function whenHere(fn) {
    if (coming) coming.then(fn);
    else fn();
  }

  /* An artifact as a collapsed part. */
  function folded(row, before, since) {
    const known = (r) => !r || all.has(r.p);
    const fill = () => [
      before ? changes(row, before, since) : null, ...(story.is.html(row) ? html(row) : body(row)),
    ].filter(Boolean);
    return lazy(pictures.label(row), () => {
      if (!coming || (known(row) && known(before))) return fill();
      const place = make("div", {}, note("loading"));
      whenHere(() => place.replaceChildren(...fill()));
      return [place];
    });
  }

  return {
    of, body, file, folded, isCut, searchable, whenHere,
    has: (path) => all.has(path),
    /* Use these texts; more: a promise, until which texts are added. */
    use(map, more) {
      all = map;
      const end = () => {
        if (coming === wait) coming = null;
      };
      const wait = more ? more.then(end, end) : null; // what cannot be had is shown from its own file
      coming = wait;
    },
    paths: () => [...all.keys()],
  };
})();
