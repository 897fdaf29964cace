// versions.json, beside the folders of the versions, in; a list to choose from in the menu bar out. The site of
// one version alone has no such file, and no list.
(async () => {
  const root = new URL(typeof path_to_root === "string" ? path_to_root || "./" : "./", location.href);
  for (const base of [root, new URL("../", root)]) {
    const answer = location.protocol === "file:" ? null : await fetch(new URL("versions.json", base)).catch(() => null);
    if (!answer?.ok) continue;
    const versions = await answer.json();
    const select = document.createElement("select");
    select.className = "version-picker";
    select.setAttribute("aria-label", "Version of the documentation");
    for (const { name, path } of versions) {
      const address = new URL(path, base);
      select.add(new Option(name, address, false, address.href === root.href));
    }
    select.onchange = () => location.assign(select.value);
    document.querySelector(".right-buttons")?.prepend(select);
    return;
  }
})();
