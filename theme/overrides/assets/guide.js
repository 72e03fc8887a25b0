/* What CSS cannot select: a block's title by its words, and boxes that happen to overflow. */
const kinds = { "Not run here": "not-run", "Fails": "fails" }
for (const title of document.querySelectorAll(".highlight > .filename")) {
  const kind = kinds[title.textContent.split(":")[0]]
  if (kind) title.parentElement.classList.add(kind)
}

/* What the bundle adds later: boxes that scroll must be reachable by keyboard, notes need a name. */
const reach = () => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap, .tabbed-labels, div.mermaid")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
    else box.removeAttribute("tabindex")
  }
  for (const note of document.querySelectorAll(".md-annotation__index:not([aria-label])")) {
    note.setAttribute("aria-label", `Note ${note.firstElementChild?.dataset.mdAnnotationId ?? ""}`)
  }
}
addEventListener("load", reach)
addEventListener("resize", reach)
new MutationObserver(reach).observe(document.querySelector("article") ?? document.body, { childList: true, subtree: true })
