// The official Node client against the mock. tests/test_node_sdk.py starts the servers, runs this, and measures with
// Pillow what `keep` and `keepEdited` leave behind.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { beforeEach, test } from "node:test";
import OpenAI, { toFile } from "openai";

const { IMAGEPROOF_URL: URL_, IMAGEPROOF_SLOW_URL: SLOW_URL, IMAGEPROOF_FOLDER: FOLDER } = process.env;
const PROMPT = "A lighthouse built of books";
const CHEAP = { model: "dall-e-2", prompt: "A red fox", size: "256x256" };
const GIVEN = path.join(FOLDER, "given.png"); // 512x512, opaque
const MASK = path.join(FOLDER, "mask.png"); // its right half is to be redrawn

const connected = (options = {}) =>
  new OpenAI({ baseURL: `${URL_}/v1`, apiKey: "sk-imageproof", maxRetries: 0, ...options });
const client = connected();
const control = async (method, what, body, url = URL_) =>
  (await fetch(`${url}/_imageproof/${what}`, { method, body: body && JSON.stringify(body) })).json();
const configure = (changes) => control("PATCH", "settings", changes);
const journal = async (url = URL_, least = 0) => {
  for (let tries = 0; ; tries += 1) {
    const { entries } = await control("GET", "journal", undefined, url);
    if (entries.length >= least || tries === 200) return entries;
    await new Promise((done) => setTimeout(done, 20));
  }
};
const given = () => toFile(fs.readFileSync(GIVEN), "given.png", { type: "image/png" });
const all = async (items) => {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
};

let kept = 0;
/** Leave a picture to be measured: it must be of this format and size. */
const keep = (base64, format, size) =>
  fs.writeFileSync(path.join(FOLDER, `${format} ${size} ${(kept += 1)}.kept`), Buffer.from(base64, "base64"));

beforeEach(async () => {
  for (const url of [URL_, SLOW_URL]) await control("POST", "reset", undefined, url);
});

test("the models are listed and each can be looked up", async () => {
  const models = await all(client.models.list());
  assert.ok(models.some((model) => model.id === "gpt-image-2"));
  assert.deepEqual(await client.models.retrieve("gpt-image-2"), models.find((model) => model.id === "gpt-image-2"));
  await assert.rejects(client.models.retrieve("gpt-image-nine"), OpenAI.NotFoundError);
});

test("pictures are made as asked", async () => {
  const { data } = await client.images.generate({ ...CHEAP, n: 3 });
  assert.equal(data.length, 3);
  for (const { url } of data) {
    const file = await fetch(url);
    assert.equal(file.headers.get("content-type"), "image/png");
    keep(Buffer.from(await file.arrayBuffer()).toString("base64"), "PNG", "256x256");
  }
  for (const format of ["png", "jpeg", "webp"]) {
    const answer = await client.images.generate({
      model: "gpt-image-2", prompt: PROMPT, size: "1024x640", n: 2, output_format: format,
    });
    for (const { b64_json } of answer.data) keep(b64_json, format.toUpperCase(), answer.size);
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
  }
});

test("keys the client has no type for pass through", async () => {
  const gif = await client.images.generate({
    model: "gpt-image-2.6-flare", prompt: PROMPT, output_format: "gif", frame_count: 3, size: "320x320",
  });
  keep(gif.data[0].b64_json, "GIF", "320x320");
  const svg = await client.images.edit({
    model: "gpt-image-2.6-flare", prompt: PROMPT, image: await given(), output_format: "svg",
    svg: { model: "gpt-5.2", reasoning: { effort: "low" } },
  });
  assert.match(Buffer.from(svg.data[0].b64_json, "base64").toString(), /<svg /);
  await assert.rejects(
    client.images.generate({ ...CHEAP, watermark: false }),
    (error) => error.code === "unknown_parameter" && error.param === "watermark",
  );
});

const FILES = {
  "a buffer with a name and a type": given,
  "a buffer without a type": () => toFile(fs.readFileSync(GIVEN), "given.png"),
  "a buffer without a name": () => toFile(fs.readFileSync(GIVEN)),
  "a read stream": () => fs.createReadStream(GIVEN),
  "a File": () => new File([fs.readFileSync(GIVEN)], "given.png", { type: "image/png" }),
  "a stream through toFile": () => toFile(fs.createReadStream(GIVEN)),
  "an array of one": async () => [await given()],
  "an array of many kinds": async () => [await given(), fs.createReadStream(GIVEN), await toFile(fs.readFileSync(GIVEN))],
};
test("files of every kind can be edited", async () => {
  for (const [kind, file] of Object.entries(FILES)) {
    const answer = await client.images.edit({
      model: "gpt-image-2", prompt: PROMPT, image: await file(), size: "1024x640",
    });
    keep(answer.data[0].b64_json, "PNG", "1024x640");
    const pictures = kind.startsWith("an array of many") ? 3 : 1;
    assert.equal(answer.usage.input_tokens_details.image_tokens, 1024 * pictures, kind);
  }
});

test("what the mask covers stays as it was", async () => {
  const answer = await client.images.edit({
    model: "dall-e-2", prompt: PROMPT, size: "512x512", response_format: "b64_json",
    image: await given(), mask: await toFile(fs.readFileSync(MASK), "mask.png", { type: "image/png" }),
  });
  fs.writeFileSync(path.join(FOLDER, "edited.png"), Buffer.from(answer.data[0].b64_json, "base64"));
});

test("an edit takes what a generation takes", async () => {
  const answer = await client.images.edit({
    model: "gpt-image-1.5", prompt: PROMPT, image: await given(), n: 2, size: "1536x1024", quality: "high",
    background: "transparent", output_format: "webp", output_compression: 40, input_fidelity: "high",
  });
  for (const { b64_json } of answer.data) keep(b64_json, "WEBP", "1536x1024");
  assert.deepEqual([answer.quality, answer.background, answer.output_format], ["high", "transparent", "webp"]);
});

test("an edit can be asked for in JSON", async () => {
  const image_url = `data:image/png;base64,${fs.readFileSync(GIVEN).toString("base64")}`;
  const body = { model: "gpt-image-2", prompt: PROMPT, images: [{ image_url }], size: "1024x640" };
  keep((await client.post("/images/edits", { body })).data[0].b64_json, "PNG", "1024x640");
});

test("variations are made", async () => {
  const { data } = await client.images.createVariation({
    image: await given(), n: 2, size: "256x256", response_format: "b64_json",
  });
  assert.notEqual(data[0].b64_json, data[1].b64_json);
  for (const { b64_json } of data) keep(b64_json, "PNG", "256x256");
});

test("a wrong request is refused and says where", async () => {
  const text = await toFile(Buffer.from("a fox"), "a.txt", { type: "text/plain" });
  const wrong = [
    [{ image: text }, "unsupported_file_mimetype", /^image/],
    [{ image: await toFile(Buffer.from("a fox"), "a.png", { type: "image/png" }) }, "invalid_image_file", /^image/],
    [{ image: await Promise.all(Array.from({ length: 17 }, given)) }, "array_above_max_length", /^image$/],
    [{ model: "gpt-image-2", input_fidelity: "high" }, "invalid_input_fidelity_model", /^input_fidelity$/],
    [{ n: 11 }, "integer_above_max_value", /^n$/],
    [{ size: "1x1" }, "invalid_value", /^size$/],
  ];
  for (const [change, code, param] of wrong) {
    const call = client.images.edit({ model: "gpt-image-1.5", prompt: PROMPT, image: await given(), ...change });
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, code);
      assert.match(error.param, param);
      assert.ok(error.type);
      assert.equal(error.requestID, error.headers.get("x-request-id"));
      assert.equal(error.message, `400 ${error.error.message}`);
      return true;
    });
  }
  assert.equal((await journal()).length, wrong.length);
});

test("null in a form is refused by the client itself", async () => {
  await assert.rejects(client.images.edit({ model: "gpt-image-2", prompt: "p", image: await given(), n: null }), TypeError);
  assert.deepEqual(await journal(), []);
  assert.ok(await client.images.generate({ ...CHEAP, n: null })); // in JSON it is as good as nothing
});

test("a task is polled to its end", async () => {
  const { task_id } = await client.images.generate(CHEAP, { query: { async: "true" } });
  const states = [];
  let poll;
  do {
    poll = (await client.get(`/images/tasks/${task_id}`)).data;
    states.push(poll.status);
  } while (!poll.data);
  assert.deepEqual(states, ["NOT_START", "IN_PROGRESS", "SUCCESS"]);
  assert.ok(poll.data.data[0].url);
});

test("the raw answer has the headers of the real one", async () => {
  const { data, response, request_id } = await client.images.generate(CHEAP).withResponse();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("openai-version"), "2020-10-01");
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.equal(response.headers.get("x-request-id"), request_id);
  assert.equal(data._request_id, request_id);
  assert.equal((await journal())[0].request_id, request_id);
  const raw = await client.images.generate(CHEAP).asResponse();
  assert.equal(Number(raw.headers.get("content-length")), (await raw.text()).length);
});

const STREAMED = { model: "gpt-image-2", prompt: PROMPT, size: "1024x640", stream: true };
test("as many unfinished pictures come as were asked for", async () => {
  for (const partial_images of [0, 1, 2, 3]) {
    for (const [method, prefix] of [["generate", "image_generation"], ["edit", "image_edit"]]) {
      const file = method === "edit" ? { image: await given() } : {};
      const events = await all(await client.images[method]({ ...STREAMED, ...file, partial_images }));
      const finished = events.pop();
      assert.deepEqual(
        events.map((event) => [event.type, event.partial_image_index]),
        Array.from({ length: partial_images }, (_, index) => [`${prefix}.partial_image`, index]),
      );
      assert.equal(finished.type, `${prefix}.completed`);
      assert.ok(finished.usage.total_tokens > 0);
      for (const event of [...events, finished]) keep(event.b64_json, "PNG", event.size);
    }
  }
});

test("a stream has the headers of the real one", async () => {
  const { data, response, request_id } = await client.images.generate(STREAMED).withResponse();
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("x-request-id"), request_id);
  assert.equal((await all(data)).length, 1);
});

test("a stream that fails throws after what came", async () => {
  const stream = await client.images.generate(
    { ...STREAMED, partial_images: 3 }, { headers: { Prefer: "stream-error=2" } },
  );
  const seen = [];
  await assert.rejects(
    (async () => {
      for await (const event of stream) seen.push(event.partial_image_index);
    })(),
    (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.status, undefined);
      assert.deepEqual([error.code, error.type], ["image_generation_failed", "image_generation_server_error"]);
      return /asked for with Prefer/.test(error.message);
    },
  );
  assert.deepEqual(seen, [0, 1]);
  assert.equal((await journal()).length, 1);
});

test("what is refused is refused before the stream begins", async () => {
  await assert.rejects(client.images.generate({ ...STREAMED, n: 2 }), OpenAI.BadRequestError);
});

test("the server notices who leaves in mid stream", async () => {
  const slow = connected({ baseURL: `${SLOW_URL}/v1` });
  const leave = {
    abort: (stream) => stream.controller.abort(),
    break: () => {},
  };
  for (const [way, go] of Object.entries(leave)) {
    await control("POST", "reset", undefined, SLOW_URL);
    const stream = await slow.images.generate({ ...STREAMED, partial_images: 3 });
    for await (const event of stream) {
      assert.equal(event.partial_image_index, 0);
      go(stream);
      break;
    }
    const [entry] = await journal(SLOW_URL, 1);
    assert.equal(entry.detail, "the caller went away after 1 of 4 events", way);
  }
});

test("a request is given up by a signal", async () => {
  const signal = AbortSignal.timeout(150);
  await assert.rejects(
    client.images.generate(CHEAP, { signal, headers: { Prefer: "delay=5s" } }), OpenAI.APIUserAbortError,
  );
  const [entry] = await journal(URL_, 1);
  assert.deepEqual([entry.status, entry.detail], [0, "the caller went away before the answer"]);
});

// wish -> status, error class, code, attempts of a client that retries once
const FAILURES = {
  "code=400": [400, OpenAI.BadRequestError, "invalid_value", 1],
  "problem=moderation-blocked": [400, OpenAI.BadRequestError, "moderation_blocked", 1],
  "code=401": [401, OpenAI.AuthenticationError, "invalid_api_key", 1],
  "code=403": [403, OpenAI.PermissionDeniedError, null, 1],
  "code=404": [404, OpenAI.NotFoundError, "model_not_found", 1],
  'fault="html:status=408"': [408, OpenAI.APIError, undefined, 2],
  'fault="html:status=409"': [409, OpenAI.ConflictError, undefined, 2],
  "code=413": [413, OpenAI.APIError, "request_too_large", 1],
  'fault="html:status=422"': [422, OpenAI.UnprocessableEntityError, undefined, 1],
  "code=429": [429, OpenAI.RateLimitError, "rate_limit_exceeded", 2],
  "problem=quota-exhausted": [429, OpenAI.RateLimitError, "insufficient_quota", 2],
  "code=500": [500, OpenAI.InternalServerError, "image_generation_failed", 2],
  'fault="html:status=502"': [502, OpenAI.InternalServerError, undefined, 2],
  "code=503": [503, OpenAI.InternalServerError, "server_is_overloaded", 2],
  'fault="html:status=524"': [524, OpenAI.InternalServerError, undefined, 2],
  "fault=reset": [undefined, OpenAI.APIConnectionError, undefined, 2],
  "fault=empty": [undefined, OpenAI.APIConnectionError, undefined, 2],
  "fault=cut-body": [undefined, SyntaxError, undefined, 1],
};
test("every failure is the error it should be and tried again where it should be", async () => {
  const patient = connected({ maxRetries: 1 });
  const wishes = Object.keys(FAILURES);
  const errors = await Promise.all(
    wishes.map((Prefer, number) =>
      patient.images.generate(CHEAP, { headers: { Prefer }, query: { case: number } }).then(() => null, (error) => error),
    ),
  );
  const entries = await journal();
  wishes.forEach((wish, number) => {
    const [status, kind, code, attempts] = FAILURES[wish];
    const error = errors[number];
    assert.equal(error?.constructor, kind, `${wish}: ${error}`);
    assert.deepEqual([error.status, error.code], [status, code], wish);
    const seen = entries.filter((entry) => entry.path.endsWith(`?case=${number}`));
    assert.equal(seen.length, attempts, wish);
    if (status && !wish.startsWith("fault")) assert.equal(error.requestID, seen.at(-1).request_id, wish);
  });
});

test("each attempt says which it is", async () => {
  await configure({ faults: ["html:status=502,first=2"] });
  const said = [];
  const watched = connected({
    maxRetries: 2,
    fetch: (url, init) => {
      said.push(new Headers(init.headers).get("x-stainless-retry-count"));
      return fetch(url, init);
    },
  });
  assert.ok((await watched.images.generate(CHEAP)).data);
  assert.deepEqual(said, ["0", "1", "2"]);
  assert.deepEqual((await journal()).map((entry) => entry.status), [502, 502, 200]);
});

test("a form is sent again whole, but never what came from a stream", async () => {
  const patient = connected({ maxRetries: 1 });
  await configure({ faults: ["reset:first=1"] });
  assert.ok((await patient.images.edit({ model: "gpt-image-2", prompt: "p", image: await given() })).data);
  assert.equal((await journal()).length, 2);
  await configure({ faults: ["html:status=502,first=1"] });
  const image = fs.createReadStream(GIVEN);
  await assert.rejects(patient.images.edit({ model: "gpt-image-2", prompt: "p", image }), OpenAI.InternalServerError);
  assert.equal((await journal()).length, 3);
});

test("a limit that passes is waited for as long as the server says", async () => {
  await configure({ rate_limits: ["120ipm"] });
  await Promise.all(Array.from({ length: 12 }, () => client.images.generate({ ...CHEAP, n: 10 })));
  const told = [];
  const patient = connected({
    maxRetries: 3,
    fetch: async (url, init) => {
      const answer = await fetch(url, init);
      if (answer.status === 429) told.push(Number(answer.headers.get("retry-after-ms")));
      return answer;
    },
  });
  while (!told.length) await patient.images.generate(CHEAP); // a slow machine gives the limit time to pass
  const [limited, passed] = (await journal()).slice(-2);
  assert.deepEqual([limited.status, passed.status], [429, 200]);
  assert.ok((passed.at - limited.at) * 1000 >= told[0] - 10);
});

test("what waiting does not help is refused at once", async () => {
  await configure({ rate_limits: ["2ipm"] });
  await assert.rejects(
    connected({ maxRetries: 2 }).images.generate({ ...CHEAP, n: 3 }),
    (error) => error instanceof OpenAI.RateLimitError && error.headers.get("x-should-retry") === "false",
  );
  assert.deepEqual((await journal()).map((entry) => entry.status), [429]);
});

test("an answer that takes too long times out and is asked for again", async () => {
  const hasty = connected({ maxRetries: 1, timeout: 300 });
  await assert.rejects(
    hasty.images.generate(CHEAP, { headers: { Prefer: "delay=5s" } }), OpenAI.APIConnectionTimeoutError,
  );
  assert.deepEqual((await journal(URL_, 2)).map((entry) => entry.status), [0, 0]);
});

test("an answer of another content type is a text", async () => {
  const answer = await client.images.generate(CHEAP, { headers: { Prefer: 'fault="wrong-type"' } });
  assert.equal(typeof answer, "string");
});
