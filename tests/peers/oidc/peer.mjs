// An authorization server and an API behind it, both judged by oidc-provider: `node peer.mjs CLIENT_ID CLIENT_SECRET nonces|plain`.
// Prints its port. Every check of tokens and proofs is the library's; this file only gives it something to guard.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

import { getValidateAccessToken } from './node_modules/oidc-provider/lib/shared/access_token.js';
import getErrorHandler from './node_modules/oidc-provider/lib/shared/error_handler.js';
import setWWWAuthenticate from './node_modules/oidc-provider/lib/shared/set_www_authenticate_header.js';

const [clientId, clientSecret, mode] = process.argv.slice(2);
const nonces = mode === 'nonces' ? { nonceSecret: randomBytes(32), requireNonce: () => true } : {};
const issued = [];

const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      dpop_bound_access_tokens: true,
    }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, ...nonces },
    },
    ttl: { ClientCredentials: 600 },
  });
  provider.on('client_credentials.saved', (token) => issued.push(token));
  // The library guards its own endpoints with tokens of users; here the client's own are asked for.
  provider.AccessToken.find = (value) => provider.ClientCredentials.find(value);

  const guard = [getErrorHandler(), setWWWAuthenticate(), getValidateAccessToken()];
  provider.use(async (ctx, next) => {
    if (ctx.path === '/test/revoke') {
      await Promise.all(issued.splice(0).map((token) => token.destroy()));
      ctx.body = {};
      return undefined;
    }
    if (!ctx.path.startsWith('/v1/')) return next();
    ctx.oidc = new provider.OIDCContext(ctx);
    ctx.oidc.urlFor = () => new URL(ctx.path, ctx.href).href;
    const answer = async () => {
      let sent = '';
      for await (const chunk of ctx.req) sent += chunk;
      ctx.status = ctx.method === 'POST' ? 201 : 200;
      ctx.body = ctx.method === 'POST' ? { data: { ...JSON.parse(sent), id: 'pay_1' } } : { data: [] };
    };
    return guard.reduceRight((inner, each) => () => each(ctx, inner), answer)();
  });
  server.on('request', provider.callback());
  console.log(port);
});
