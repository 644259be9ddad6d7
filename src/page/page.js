const page = document;
const notice = page.getElementById("notice");
const pause = page.getElementById("pause");
page.documentElement.classList.add("script");

// Gives each command and query a button that copies it.
function addButtons(root) {
  for (const code of root.querySelectorAll("dd > code")) {
    const button = page.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = notice.dataset.copy;
    button.ariaLabel = `${notice.dataset.copy}: ${code.parentElement.previousElementSibling.textContent}`;
    code.after(button);
  }
}

// Makes `now` equal to `next`, and keeps the nodes that are in both, so that focus, selection and open details stay.
function update(now, next) {
  if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName) {
    now.replaceWith(page.importNode(next, true));
    return;
  }
  if (now.nodeType === Node.TEXT_NODE) {
    if (now.data !== next.data) now.data = next.data;
    return;
  }
  for (const { name, value } of next.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  for (const { name } of [...now.attributes]) {
    if (name !== "open" && !next.hasAttribute(name)) now.removeAttribute(name);
  }
  if (next.firstElementChild?.hasAttribute("data-key")) updateRows(now, next);
  else updateChildren(now, next);
}

function updateChildren(now, next) {
  const [before, after] = [[...now.childNodes], [...next.childNodes]];
  after.forEach((child, at) => {
    if (at < before.length) update(before[at], child);
    else now.append(page.importNode(child, true));
  });
  before.slice(after.length).forEach((child) => child.remove());
}

// Rows are found by their keys. They keep their places while one of them has the focus or is open.
function updateRows(now, next) {
  const before = new Map([...now.children].map((row) => [row.dataset.key, row]));
  const isInUse = now.contains(page.activeElement) || now.querySelector("[open]") !== null;
  [...next.children].forEach((row, at) => {
    const known = before.get(row.dataset.key);
    before.delete(row.dataset.key);
    if (known) update(known, row);
    const place = known && isInUse ? known : now.children[at];
    if (!known) now.insertBefore(page.importNode(row, true), isInUse ? null : (place ?? null));
    else if (place !== known) now.insertBefore(known, place);
  });
  before.forEach((row) => row.remove());
}

async function refresh() {
  if (page.hidden || pause.getAttribute("aria-pressed") === "true") return;
  try {
    const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(answer.status);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (pause.getAttribute("aria-pressed") === "true") return;
    addButtons(next);
    for (const id of ["about", "content"]) update(page.getElementById(id), next.getElementById(id));
    if (page.title !== next.title) page.title = next.title;
    if (notice.textContent === notice.dataset.silence) notice.textContent = "";
  } catch {
    notice.textContent = notice.dataset.silence;
  }
}

addButtons(page);

pause.addEventListener("click", () => {
  const isPaused = pause.getAttribute("aria-pressed") === "true";
  pause.setAttribute("aria-pressed", String(!isPaused));
  if (isPaused) refresh();
});

page.addEventListener("click", async ({ target }) => {
  if (!(target instanceof Element) || !target.matches(".copy")) return;
  const code = target.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    notice.textContent = notice.dataset.copied;
  } catch {
    // Without a clipboard, as on plain HTTP: the text is selected, to be copied by hand.
    getSelection().selectAllChildren(code);
  }
});

page.addEventListener("visibilitychange", refresh);
setInterval(refresh, 10000);
