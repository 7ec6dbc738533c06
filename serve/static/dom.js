// The page's elements. Text goes in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function button(text, className, act) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// How much of 1, as a bar, with a mark at `least`; the words beside it say the same to a screen reader.
export function bar(share, least = null) {
  const fill = element("span", "fill");
  fill.style.inlineSize = `${100 * share}%`;
  const made = element("span", "bar", fill);
  if (least !== null) {
    const mark = element("span", "mark");
    mark.style.insetInlineStart = `${100 * least}%`;
    made.append(mark);
  }
  made.setAttribute("aria-hidden", "true");
  return made;
}

export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
