"use strict";
/* Draws the charts whose descriptions stand beside them as JSON. Colours there are names of CSS variables, so that a
   chart follows the page into dark mode and onto paper. */
(() => {
  const root = document.documentElement;
  const charts = Array.from(document.querySelectorAll(".chart"), (box) => {
    const figure = box.closest("figure");
    const variants = JSON.parse(figure.querySelector('script[type="application/json"]').textContent).variants;
    return { box, figure, variants, chosen: 0, hidden: new Set() };
  });

  const resolved = (value, style) => {
    if (typeof value === "string") {
      /* A name of a CSS variable, perhaps with an opacity: "var(--series-0)/0.2". */
      return value.replace(/^var\((--[\w-]+)\)(?:\/([\d.]+))?$/, (_, name, opacity) => {
        const alpha = opacity ? Math.round(255 * opacity).toString(16).padStart(2, "0") : "";
        return style.getPropertyValue(name).trim() + alpha;
      });
    }
    if (Array.isArray(value)) {
      return typeof value[0] === "number" ? value : value.map((entry) => resolved(entry, style));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, resolved(entry, style)]));
    }
    return value;
  };

  /* What a layout says under "meta.narrow" takes the place of what it says otherwise, on a narrow page. */
  const merge = (into, from) => {
    for (const [key, value] of Object.entries(from)) {
      if (value && typeof value === "object" && !Array.isArray(value)) merge((into[key] ??= {}), value);
      else into[key] = value;
    }
  };

  const config = {
    responsive: true,
    displaylogo: false,
    showSendToCloud: false,
    plotlyServerURL: "",
    displayModeBar: "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toggleSpikelines"],
    toImageButtonOptions: { format: "png", scale: 3 },
  };

  const draw = (chart, width) => {
    const style = getComputedStyle(root);
    const variant = chart.variants[chart.chosen];
    const data = variant.data.map((trace) => {
      const shown = resolved(trace, style);
      shown.visible = !chart.hidden.has(trace.legendgroup);
      return shown;
    });
    const layout = resolved(variant.layout, style);
    if (layout.meta?.people > 15 && chart.box.clientWidth < 560 && !width) {
      /* A phone: the names would cover the picture; touching a cell still says them. */
      layout.height = chart.box.clientWidth + 60;
      layout.margin = { l: 4, r: 4, t: 28, b: 4 };
      layout.xaxis.showticklabels = layout.yaxis.showticklabels = false;
      for (const trace of data) Object.assign(trace.colorbar, { title: { text: "" }, orientation: "h", y: -0.02, yanchor: "top", len: 1 });
    }
    if (chart.box.clientWidth < 560 && !width && layout.meta?.narrow) merge(layout, layout.meta.narrow);
    if (chart.box.clientWidth < 560 && !width) {
      /* Annotations say in "name" what they are in short. */
      for (const note of layout.annotations ?? []) note.text = note.name ?? note.text;
    }
    if (width) layout.width = width;
    else layout.autosize = true;
    chart.box.style.setProperty("--height", `${layout.height}px`);
    return Plotly.react(chart.box, data, layout, config);
  };

  for (const chart of charts) {
    chart.figure.querySelectorAll(".variants button").forEach((button, index, all) => {
      button.addEventListener("click", () => {
        chart.chosen = index;
        all.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        draw(chart);
      });
    });
    chart.figure.querySelectorAll(".legend button").forEach((button) => {
      button.addEventListener("click", () => {
        const name = button.dataset.series;
        const now = chart.hidden.delete(name) || (chart.hidden.add(name), false);
        button.setAttribute("aria-pressed", String(now));
        draw(chart);
      });
    });
  }

  /* What is folded away has no width to be drawn at; it is drawn once it opens. */
  const open = (chart) => !chart.box.closest("details:not([open])");
  const drawAll = (width) => Promise.all(charts.filter(open).map((chart) => draw(chart, width)));
  document.querySelectorAll("details").forEach((details) => {
    details.addEventListener("toggle", () => {
      for (const chart of charts) if (details.open && details.contains(chart.box) && open(chart)) draw(chart);
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  addEventListener("beforeprint", () => { root.classList.add("printing"); drawAll(660); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); drawAll(); });
  drawAll().then(() => { root.dataset.charts = "drawn"; });

  for (const button of document.querySelectorAll(".copyable > button")) {
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(text.textContent);
      } catch {
        getSelection().selectAllChildren(text);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }

  /* The button at the head of a column sorts the rows below it, within each part of the table; that of the names puts
     them back as they were. Rows that are fixed stay on top. Exact values stand first in what hovering over a cell says. */
  const valueOf = (cell) => {
    const shown = cell?.querySelector(".value");
    const exact = parseFloat(shown?.title);
    return Number.isNaN(exact) ? parseFloat(shown?.textContent.replace(/[\u2009\u202f]/g, "").replace("\u2212", "-")) : exact;
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const parts = [[]];
    for (const row of body.rows) {
      if (row.classList.contains("above")) parts.push([]);
      parts.at(-1).push(row);
    }
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const sort = () => {
        const falling = head.getAttribute("aria-sort") !== "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        for (const rows of parts) {
          const title = rows.filter((row) => row.classList.contains("above") || row.classList.contains("fixed"));
          const others = rows.filter((row) => !title.includes(row));
          const ordered = others.map((row) => [valueOf(row.cells[column]), row]);
          /* What has no value stands last either way. */
          if (column) ordered.sort(([a], [b]) => Number.isNaN(a) - Number.isNaN(b) || (falling ? b - a : a - b) || 0);
          body.append(...title, ...ordered.map(([, row]) => row));
        }
      };
      /* A button of its own, so that the head stays a head to those who hear the page, and keys work as on any other. */
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.classList.add("sortable");
      head.addEventListener("click", sort);
    });
  }

  const links = new Map(Array.from(document.querySelectorAll("nav a"), (link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  links.forEach((_, id) => { const target = document.getElementById(id); if (target) seen.observe(target); });
})();
