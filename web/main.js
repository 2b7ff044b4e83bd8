// Starts the page. A file of its own, because the server's content security policy allows no script inside the document.
import init from "./stepwise-web.js";

init();
