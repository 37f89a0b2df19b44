// What forms can't do by themselves; all of the page works without it.

// Say before sending that a file is too large; show a poster.
document.addEventListener("change", ({ target }) => {
  const file = target.files?.[0];
  if (!target.dataset.most) return;
  const fits = !file || file.size <= Number(target.dataset.most);
  target.setCustomValidity(fits ? "" : target.dataset.tooLarge);
  target.reportValidity();
  const preview = document.querySelector("#preview");
  if (!preview) return;
  preview.hidden = !file;
  if (file) preview.src = URL.createObjectURL(file);
});

for (const [event, reached] of [["htmx:sendError", false], ["htmx:afterOnLoad", true]]) {
  document.addEventListener(event, () => {
    document.querySelector("#unreachable").hidden = reached;
  });
}
