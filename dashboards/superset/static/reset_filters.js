// The button "Clear all" of a dashboard opens the dashboard with its default filters.
// Superset would empty the filters that need a value too, and would then show an error in place of the charts.
document.addEventListener(
  "click",
  (event) => {
    if (!event.target.closest('[data-test="filter-bar__clear-button"]:not([disabled])')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    window.location.assign(window.location.pathname);
  },
  true, // before Superset's own handlers
);
