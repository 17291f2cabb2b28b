// Sets the chosen theme before anything is painted.
try {
  const theme = localStorage.getItem("longtake-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* a browser that keeps nothing for files shows the system's theme */ }
document.documentElement.classList.add("scripted");
