// Says what the page in the frame looks like: whether it fits, and whether what it draws can be read.
const frame = document.querySelector("iframe");
await new Promise((loaded) => frame.addEventListener("load", loaded));
const style = (element) => frame.contentWindow.getComputedStyle(element);
const color = (text) => text.match(/[\d.]+/g).map(Number);
const luminance = (rgb) => {
  const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
};
// Web Content Accessibility Guidelines 2, "contrast ratio".
const contrast = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const back = color(style(at).backgroundColor);
    if (back.length < 4 || back[3] > 0) return back;
  }
  return [255, 255, 255];
};
const all = (selector) => [...frame.contentDocument.querySelectorAll(selector)];
const box = (element) => element.getBoundingClientRect();
const lowest = (elements, of) => Math.min(...elements.map((it) => contrast(color(style(it)[of]), behind(it))));
const words = all("h1, h2, p, li, dt, dd, th, td");
const labels = all("svg text");
const drawn = all("svg text, svg .line, svg .key, svg .limit");
const outside = drawn.filter((it) => {
  const [own, plot] = [box(it), box(it.ownerSVGElement)];
  return own.left < plot.left - 1 || own.right > plot.right + 1 || own.top < plot.top - 1 || own.bottom > plot.bottom + 1;
});
const overlapping = labels.filter((one, i) =>
  labels.slice(i + 1).some((other) => {
    const [a, b] = [box(one), box(other)];
    return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  }),
);
const text = (elements) => elements.map((it) => it.textContent || it.outerHTML.slice(0, 80));
const pre = document.createElement("pre");
pre.id = "probe";
pre.textContent = JSON.stringify({
  width: frame.contentWindow.innerWidth,
  dark: frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches,
  overflow: frame.contentDocument.documentElement.scrollWidth - frame.contentWindow.innerWidth,
  outside: text(outside),
  overlapping: text(overlapping),
  label_px: Math.min(
    ...labels.map((it) => (parseFloat(style(it).fontSize) * box(it.ownerSVGElement).width) / it.ownerSVGElement.viewBox.baseVal.width),
  ),
  text_contrast: Math.min(lowest(words, "color"), lowest(labels, "fill")),
  line_contrast: lowest(all("svg .line"), "stroke"),
});
document.body.append(pre);
