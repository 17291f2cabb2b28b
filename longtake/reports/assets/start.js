// Brings the page to life.

localTimes();
readChoice();
byId("filters").hidden = false;
listenToFilters();
listenToKeys();
applyChoice();
restorePlace();
startRefreshing();
addEventListener("hashchange", () => { readChoice(); applyChoice(); });
