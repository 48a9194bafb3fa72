"use strict";
// Charts in the page's colours, a table that sorts, drawings on demand. Everything comes from this file; no network.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);

  const resolved = (value, style) => {
    if (typeof value === "string" && value.startsWith("var:")) {
      const [name, opacity = ""] = value.slice(4).split("/"); // var:blue/30 is blue with the hexadecimal opacity 30
      return style.getPropertyValue("--" + name).trim() + opacity;
    }
    if (Array.isArray(value)) return value.map((each) => resolved(each, style));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each, style)]));
    return value;
  };

  const fixedrange = matchMedia("(pointer: coarse)").matches; // a finger scrolls the page and does not zoom a chart
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    const axis = { gridcolor: colour("line"), zeroline: false, linecolor: colour("line"), fixedrange };
    for (const [id, figure] of Object.entries(figures)) {
      const layout = {
        ...figure.layout,
        xaxis: { ...axis, ...figure.layout.xaxis },
        yaxis: { ...axis, ...figure.layout.yaxis },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: colour("ink"), family: "system-ui, sans-serif", size: 12 },
        hoverlabel: { bgcolor: colour("soft"), bordercolor: colour("line"), font: { color: colour("ink") } },
      };
      const options = { responsive: true, displayModeBar: false };
      Plotly.react(id, resolved(figure.data, style), layout, options);
    }
  };

  // The library of charts is in the page, compressed; it runs as another inline script once it is unpacked.
  const library = document.getElementById("plotly");
  const start = async () => {
    const bytes = Uint8Array.from(atob(library.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  };
  if (library) start();

  const sortBy = (table, column, descending) => {
    const body = table.tBodies[0];
    for (const open of body.querySelectorAll("tr.drawn")) open.remove();
    const key = (row) => {
      const cell = row.cells[column];
      const value = cell.dataset.value ?? cell.textContent;
      return value === "" ? null : cell.classList.contains("number") ? Number(value) : value;
    };
    const rows = [...body.rows].map((row) => [key(row), row]);
    // What has no value stands last in either order.
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "number" ? a - b : a.localeCompare(b);
      return descending ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      header.querySelector("button").addEventListener("click", () => {
        const before = header.getAttribute("aria-sort");
        // Large numbers are what one looks for first; words from A to Z.
        const descending = before ? before === "ascending" : header.classList.contains("number");
        headers.forEach((each) => each.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sortBy(table, column, descending);
      });
    });
    table.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-drawing]");
      if (!button) return;
      const row = button.closest("tr");
      if (row.nextElementSibling?.classList.contains("drawn")) {
        row.nextElementSibling.remove();
        return;
      }
      const added = row.parentElement.insertRow(row.sectionRowIndex + 1);
      added.className = "drawn";
      const cell = added.insertCell();
      cell.colSpan = headers.length;
      cell.append(document.getElementById(button.dataset.drawing).content.cloneNode(true));
    });
  }
})();
