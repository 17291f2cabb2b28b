// Brings the page to life.

localTimes();
readChoice();
byId("filters").hidden = false;
listenToFilters();
listenToKeys();
byId("gantt")?.addEventListener("toggle", rememberOpen("the run over time"));
if (byId("gantt")) byId("gantt").open = opened.has("the run over time");
startDesk();
applyChoice();
restorePlace();
startRefreshing();
addEventListener("hashchange", () => { readChoice(); applyChoice(); });
