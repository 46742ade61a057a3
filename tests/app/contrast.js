// The least contrast (WCAG 2) between a text of the page and the ground it stands on.
() => {
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).map((level) => {
      const share = level / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = numbers(colour);
      if (alpha > 0.5) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = { ratio: 99, text: "" };
  const seen = [...document.querySelectorAll("p, h1, h3, label span, button, textarea, input, .di-status, .di-legend")];
  for (const element of seen) {
    const text = (element.value ?? element.innerText ?? "").trim();
    if (!text || !element.offsetParent) continue;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text };
  }
  return worst;
}
