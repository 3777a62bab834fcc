// Renders the page of the Next-style example as its server does.
import { renderToString } from "react-dom/server";
import Page from "./next/app/page.jsx";

console.log(renderToString(await Page()));
