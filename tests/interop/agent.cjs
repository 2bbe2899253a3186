// One run of the official JavaScript agent: reads a plan as JSON from standard input, carries it out step by step
// and prints what each step gave. Certificates and query signatures are verified by the agent's own defaults.
const { createRequire } = require('node:module');
const load = createRequire(process.env.QURI_NODE_MODULES + '/loader.js');
const { HttpAgent, CanisterStatus } = load('@icp-sdk/core/agent');
const { Ed25519KeyIdentity } = load('@icp-sdk/core/identity');
const { Principal } = load('@icp-sdk/core/principal');

const bytes = hex => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = data => Buffer.from(data).toString('hex');

// How a plan may tamper with what travels.
const FETCHES = {
  plain: fetch,
  twice: async (url, options) => {
    if (String(url).endsWith('/call')) await fetch(url, options);
    return fetch(url, options);
  },
  'flipped reply': async (url, options) => {
    const response = await fetch(url, options);
    if (!String(url).endsWith('/query')) return response;
    const body = Buffer.from(await response.arrayBuffer());
    const place = body.indexOf('DIDL') + 6; // within the argument, past Candid's header
    body[place] ^= 1;
    return new Response(body, { status: response.status, headers: response.headers });
  },
};

class Forger extends Ed25519KeyIdentity {
  async sign(data) {
    const signature = Uint8Array.from(await super.sign(data));
    signature[0] ^= 1;
    return signature;
  }
}

const STEPS = {
  update: async (agent, { canister, effective, method, argument }) => {
    const fields = { methodName: method, arg: bytes(argument), effectiveCanisterId: Principal.fromText(effective) };
    return hex((await agent.update(Principal.fromText(canister), fields)).reply);
  },
  query: async (agent, { canister, effective, method, argument }) => {
    const fields = { methodName: method, arg: bytes(argument), effectiveCanisterId: Principal.fromText(effective) };
    const answer = await agent.query(Principal.fromText(canister), fields);
    if (answer.status !== 'replied') throw new Error(`${answer.error_code} ${answer.reject_message}`);
    return hex(answer.reply.arg);
  },
  status: async (agent, { canister }) => {
    const paths = ['time', 'controllers', 'module_hash', 'candid', 'subnet'];
    const status = await CanisterStatus.request({ agent, canisterId: Principal.fromText(canister), paths });
    return {
      controllers: status.get('controllers').map(String),
      module_hash: status.get('module_hash'),
      candid: status.get('candid'),
      nodes: status.get('subnet').nodeKeys.size,
    };
  },
};

async function main() {
  const plan = JSON.parse(await new Response(process.stdin).text());
  const behind = (plan.secondsBehind ?? 0) * 1000;
  if (behind) {
    const RightDate = Date;
    globalThis.Date = class extends RightDate {
      constructor(...args) {
        args.length ? super(...args) : super(RightDate.now() - behind);
      }
      static now() {
        return RightDate.now() - behind;
      }
    };
  }
  const pair = Ed25519KeyIdentity.fromSecretKey(bytes(plan.secretKey));
  const identity = plan.forge ? new Forger(pair.getPublicKey(), bytes(plan.secretKey)) : pair;
  const agent = await HttpAgent.create({
    host: plan.url,
    identity,
    fetch: FETCHES[plan.fetch ?? 'plain'],
    retryTimes: plan.retryTimes ?? 0,
    shouldFetchRootKey: plan.rootKey === null,
    ...(plan.rootKey === null ? {} : { rootKey: bytes(plan.rootKey) }),
  });
  const results = [];
  for (const step of plan.steps) {
    try {
      results.push({ value: await STEPS[step.kind](agent, step) });
    } catch (error) {
      results.push({ error: `${error?.name}: ${error?.message}` });
    }
  }
  process.stdout.write(JSON.stringify(results));
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
