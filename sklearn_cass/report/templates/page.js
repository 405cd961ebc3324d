"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Text, lines and grids in the colors of the page.
  const theme = (layout) => {
    const changes = {
      "font.color": color("--text"),
      "modebar.color": color("--quiet"),
      "modebar.activecolor": color("--text"),
      "modebar.bgcolor": "rgba(0,0,0,0)",
    };
    for (const key of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      changes[`${key}.gridcolor`] = color("--line");
      changes[`${key}.linecolor`] = color("--line");
      changes[`${key}.tickcolor`] = color("--line");
    }
    // Titles of panels that stand side by side.
    const size = innerWidth < 600 ? 9 : 12;
    layout.annotations.forEach((_, n) => {
      changes[`annotations[${n}].font.size`] = size;
    });
    return changes;
  };

  const draw = async (plot) => {
    if (plot.dataset.state) return;
    plot.dataset.state = "drawing";
    const figure = JSON.parse(plot.querySelector("script").textContent);
    // These alone: plotly's own choice has a button that uploads the data.
    const buttons = ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"];
    const settings = {
      responsive: true,
      displaylogo: false,
      showSendToCloud: false,
      plotlyServerURL: "",
      modeBarButtons: [buttons],
    };
    await Plotly.newPlot(plot, figure.data, figure.layout, settings);
    await Plotly.relayout(plot, theme(plot.layout));
    plot.dataset.state = "drawn";
  };

  const drawAll = async (details) => {
    for (const plot of details.querySelectorAll(".plot")) await draw(plot);
  };

  dark.addEventListener("change", () => {
    for (const plot of document.querySelectorAll(".plot[data-state=drawn]"))
      Plotly.relayout(plot, theme(plot.layout));
  });

  // A closed plot has no width: it is drawn when it is opened.
  const start = async () => {
    for (const details of document.querySelectorAll("details.estimator")) {
      details.addEventListener("toggle", () => {
        if (details.open) drawAll(details);
      });
      if (details.open) await drawAll(details);
    }
    document.body.dataset.state = "ready";
  };
  start();
})();
