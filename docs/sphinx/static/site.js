/* What the theme leaves out for readers without a mouse or without sight. */
addEventListener("DOMContentLoaded", () => {
  const name = (selector, label) => document.querySelector(selector)?.setAttribute("aria-label", label);
  name(".sidebar-drawer", "All pages");
  name(".toc-drawer", "On this page");
  for (const title of document.querySelectorAll(".caption[role=heading]")) {
    title.setAttribute("aria-level", "2");
  }
  const scrolled = () => {
    for (const box of document.querySelectorAll("pre, div.math, .table-wrapper")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  };
  scrolled();
  addEventListener("resize", scrolled);
});
