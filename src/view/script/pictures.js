// SPDX-License-Identifier: MIT
// pictures: screenshots as buttons, and the viewer that they open: keys, zoom, and the difference of two.
const pictures = (() => {
  const { make, button, href } = dom;
  const box = document.getElementById("box");
  let series = []; // the pictures that the viewer turns over
  let at = 0; // index of the picture that the viewer shows
  let zoomed = false;

  function label(row) {
    return dom.listed(row.t || "file", moment.time(row.c), dom.size(row.z));
  }

  function zoom(to) {
    zoomed = to;
    box.classList.toggle("zoomed", zoomed);
    const control = box.querySelector("[name=zoom]");
    control.textContent = zoomed ? "Fit" : "Zoom";
    control.setAttribute("aria-pressed", String(zoomed));
  }

  /* Show the picture with an index, if there is one. */
  function turn(to) {
    if (to < 0 || to >= series.length) return;
    at = to;
    const row = series[at];
    box.querySelector("img").replaceWith(make("img", { src: href(row.p), alt: label(row) }));
    box.querySelector("output").textContent = (at + 1) + " of " + series.length + ": " + label(row);
  }

  /* Open the viewer at a picture. */
  function open(row, all) {
    series = all;
    zoom(false);
    if (!box.open) box.showModal();
    turn(all.indexOf(row));
  }

  box.querySelector("[name=back]").addEventListener("click", () => turn(at - 1));
  box.querySelector("[name=on]").addEventListener("click", () => turn(at + 1));
  box.querySelector("[name=zoom]").addEventListener("click", () => zoom(!zoomed));
  box.querySelector("[name=close]").addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close(); // beside the picture
    else if (event.target.tagName === "IMG") zoom(!zoomed);
  });
  box.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: series.length - 1 }[event.key];
    const scrolls = zoomed && event.key.startsWith("Arrow"); // the picture, which is larger than the box
    if (to !== undefined && !scrolls) {
      event.preventDefault();
      turn(to);
    } else if (event.key === "+" || event.key === "-") {
      zoom(event.key === "+");
    }
  });

  /* A small picture that opens the viewer. */
  function thumb(row, all) {
    const name = (row.t || "").replace(/^screenshot_?/, "");
    return make("button", { type: "button", onclick: () => open(row, all) },
      make("img", { loading: "lazy", decoding: "async", src: href(row.p), alt: label(row) }),
      make("span", { text: name + " " + moment.time(row.c) }));
  }

  /* A large picture that opens the viewer. */
  function large(row, all) {
    const img = make("img", { decoding: "async", src: href(row.p), alt: label(row) });
    return make("button", { type: "button", class: "large", onclick: () => open(row, all) }, img);
  }

  /* Two pictures, one over the other: where they are equal, the result is black. */
  function difference(before, after) {
    return make("div", { class: "difference", role: "img", "aria-label": "difference: what is equal is black" },
      make("img", { src: href(before.p), alt: "" }), make("img", { src: href(after.p), alt: "" }));
  }

  /* A large picture; buttons show the picture before it (undefined: there is none) and the difference instead. */
  function compared(before, after, all, [now, then, change] = ["After", "Before", "Difference"]) {
    const place = make("div", { class: "stage" });
    const choices = [[now, () => large(after, all)]];
    if (before) choices.push([then, () => large(before, all)], [change, () => difference(before, after)]);
    const chip = { class: "chip", "aria-pressed": "false" };
    const buttons = choices.map(([name], i) => button(name, () => choose(i), chip));
    function choose(nth) {
      buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(i === nth)));
      place.replaceChildren(choices[nth][1]());
    }
    choose(0);
    return make("div", {}, before ? dom.tools(...buttons) : null, place);
  }

  return { label, thumb, large, compared };
})();
