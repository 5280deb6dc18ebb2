"use strict";
// Tables that can be sorted and filtered, drawings that can be enlarged. Without this the page is whole.
(() => {
  const MISSING = ["", "–", "…"];

  // what a cell is sorted by: its first number, or its text; null of what is missing
  function key(cell, numeric) {
    const text = cell.textContent.trim();
    if (MISSING.includes(text)) return null;
    if (!numeric) return text.toLowerCase();
    const found = text.replaceAll(",", "").replaceAll("−", "-").match(/[-+]?\d+(\.\d+)?/);
    return found ? Number(found[0]) : null;
  }

  function compare(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.querySelectorAll("th[data-column]")];

    function sort(head, direction) {
      const column = Number(head.dataset.column);
      const sign = direction === "descending" ? -1 : 1;
      const numeric = head.classList.contains("number");
      const rows = original.map((row) => ({ row, key: key(row.cells[column], numeric) }));
      // what is missing comes last, whichever way
      if (direction !== "none") rows.sort((a, b) =>
        a.key === null || b.key === null
          ? (a.key === null) - (b.key === null)
          : sign * compare(a.key, b.key));
      body.append(...rows.map((entry) => entry.row));
      table.classList.toggle("sorted", direction !== "none");
      for (const other of heads) other.setAttribute("aria-sort", other === head ? direction : "none");
    }

    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      const order = ["descending", "ascending", "none"];
      if (!head.classList.contains("number")) order.unshift(...order.splice(1, 1));
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sort(head, order[(order.indexOf(now) + 1) % order.length]);
      });
    }
  }

  // words between commas: what has any of them stays
  function filterable(box, input, status) {
    const tables = [...document.querySelectorAll("table[data-rows]")];
    const runs = [...document.querySelectorAll("details.runs")];
    const counts = tables.map((table) => {
      const count = document.createElement("p");
      count.className = "caption count";
      count.hidden = true;
      table.parentElement.after(count);
      return count;
    });
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
      const stays = (text) => !words.length || words.some((word) => text.toLowerCase().includes(word));
      let shown = 0, all = 0;
      tables.forEach((table, i) => {
        const rows = [...table.tBodies[0].rows];
        for (const row of rows) {
          const names = [...row.querySelectorAll("th")].map((cell) => cell.textContent).join(" ");
          row.hidden = !stays(names);
        }
        const left = rows.filter((row) => !row.hidden).length;
        shown += left;
        all += rows.length;
        counts[i].hidden = left === rows.length;
        counts[i].textContent = `${left} of ${rows.length} rows shown: the filter hides the rest.`;
      });
      for (const run of runs) run.hidden = !stays(run.querySelector("summary").textContent);
      status.textContent = words.length ? `${shown} of ${all} rows` : "";
    });
    box.hidden = false;
  }

  // a shadow at the edge past which there is more to scroll to
  function shaded(region) {
    const mark = () => {
      const right = region.scrollWidth - region.clientWidth - region.scrollLeft;
      const below = region.scrollHeight - region.clientHeight - region.scrollTop;
      region.classList.toggle("more", right > 1);
      region.classList.toggle("below", below > 1);
    };
    region.addEventListener("scroll", mark, { passive: true });
    new ResizeObserver(mark).observe(region);
  }

  // a drawing wider than the screen: first all of it, at will as large as it was drawn
  function enlargeable(card) {
    const image = card.querySelector("img");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.hidden = true;
    function name() {
      const large = card.classList.contains("large");
      button.textContent = large ? "Fit to the page" : "Enlarge";
      button.setAttribute("aria-pressed", String(large));
      for (const [attribute, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", "Enlarged drawing"]])
        if (large) card.setAttribute(attribute, value); else card.removeAttribute(attribute);
    }
    button.addEventListener("click", () => { card.classList.toggle("large"); name(); });
    name();
    card.after(button);
    const whole = parseFloat(image.style.width) * 96 / 72;
    new ResizeObserver(() => {
      button.hidden = card.clientWidth === 0 || card.clientWidth > whole;
    }).observe(card);
  }

  document.querySelectorAll("table:has(th[data-column])").forEach(sortable);
  document.querySelectorAll(".scroll").forEach(shaded);
  document.querySelectorAll(".card").forEach(enlargeable);
  filterable(document.querySelector(".filter"), document.getElementById("filter"),
    document.getElementById("filtered"));
})();
