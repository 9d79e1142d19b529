// The page of a worksheet: an answer is marked when it is changed, and all of them by the button.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent), mark = marking(data);
  const t = stepOf(data.letter);
  const isLoop = data.questions.some(([, , steps]) => steps.length > 1 || steps.some((at) => at[5].length > 1));
  const inputs = [...document.querySelectorAll("li.question input")];
  const score = document.getElementById("score");
  let last = inputs[0];

  const check = (input) => {
    const output = document.getElementById(`${input.id}-says`);
    const { right, says, unmarked } = mark(input.id, input.value);
    const isEmpty = says === "not answered";
    const kind = isEmpty ? "" : unmarked ? "unmarked" : right ? "right" : "wrong";
    output.className = input.className = kind;
    output.textContent = isEmpty ? "" : unmarked ? says : right ? `✓ right${says && `: ${says}`}` : `✗ ${says}`;
    if (kind === "wrong") input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return right;
  };
  const count = () => {
    const rights = inputs.filter((input) => input.className === "right").length;
    score.textContent = `${rights} of ${inputs.length} right`;
  };

  for (const input of inputs) {
    input.addEventListener("focus", () => { last = input; });
    input.addEventListener("change", () => { check(input); count(); });
    input.addEventListener("input", () => {
      input.className = "";
      input.removeAttribute("aria-invalid");
      document.getElementById(`${input.id}-says`).textContent = "";
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      check(input);
      count();
    });
  }
  document.getElementById("form").addEventListener("submit", (event) => {
    event.preventDefault();
    inputs.forEach(check);
    count();
  });
  document.getElementById("save").addEventListener("click", () => {
    const answers = Object.fromEntries(inputs.map((input) => [input.id, input.value]));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(answers, null, 1)], { type: "application/json" }));
    link.download = "answers.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  for (const sign of [...(isLoop ? [t, `${t}₋₁`, `${t}₊₁`, `Σ${t}`] : []), "ᵀ", "⁻¹", "²", "½", "√", "⊙", "Σᵢ", "Σⱼ", "‖", "≤", "σ", "π"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.setAttribute("aria-label", `insert ${sign}`);
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      last.focus();
      last.setRangeText(sign, last.selectionStart, last.selectionEnd, "end");
      last.dispatchEvent(new Event("input"));
    });
    document.getElementById("signs").append(button);
  }
  for (const x of document.querySelectorAll("li, small, pre")) if (x.scrollWidth > x.clientWidth) x.tabIndex = 0; // scrolls
})();
