// What scrolls sideways can be reached, and scrolled, from the keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".cell_output, .cell_output table, .cell_output pre, div.highlight pre")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", "wide output, scrolls sideways");
    }
  }
});
