// Draws every picture that a page holds: <div data-workflow="id of the JSON beside it">.

import "./workflow.css";

import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ArrowHead } from "./Edges";
import { Editor } from "./Editor";
import { Picture } from "./Picture";
import type { Config } from "./types";

function drawn(config: Config): ReactNode {
  const { addresses } = config;
  return config.mode === "editor" && addresses ? <Editor config={config} addresses={addresses} /> : <Picture config={config} />;
}

function begin() {
  for (const place of document.querySelectorAll<HTMLElement>("[data-workflow]")) {
    const source = document.getElementById(place.dataset["workflow"] ?? "");
    if (!source?.textContent) continue;
    const config = JSON.parse(source.textContent) as Config;
    createRoot(place).render(
      <StrictMode>
        <ArrowHead />
        {drawn(config)}
      </StrictMode>,
    );
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
