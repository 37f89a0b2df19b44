// What forms can't do by themselves; all of the page works without it.

// A file that is too large is told before it is sent; a poster is shown.
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

document.addEventListener("htmx:sendError", () => {
  document.querySelector("#unreachable").hidden = false;
});
