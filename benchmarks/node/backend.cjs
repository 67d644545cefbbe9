// openapi-backend as its documentation shows it: requests and responses validated, the answer from the document.
const http = require("node:http");
const fs = require("node:fs");
const { OpenAPIBackend } = require("openapi-backend");

const answer = (context, response, status, body) => {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length });
  response.end(bytes);
};
const api = new OpenAPIBackend({
  definition: JSON.parse(fs.readFileSync(process.argv[2], "utf8")),
  handlers: {
    createImage: (context, _, response) => {
      const { status, mock } = context.api.mockResponseForOperation("createImage");
      const wrong = context.api.validateResponse(mock, context.operation, status).errors;
      answer(context, response, wrong ? 500 : status, wrong ?? mock);
    },
    validationFail: (context, _, response) => answer(context, response, 400, context.validation.errors),
    notFound: (context, _, response) => answer(context, response, 404, {}),
  },
});
api.init().then(() => {
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const { method, url: path, headers } = request;
      api.handleRequest({ method, path, headers, body: JSON.parse(Buffer.concat(parts)) }, request, response);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
});
