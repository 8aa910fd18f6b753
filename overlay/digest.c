/* sha256 by libcrypto. */
#include "overlay/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/*
 * EVP_MD_CTX under a name of ours. Feeding it cannot fail once it is initialised: a digest of
 * libcrypto's own has no state that can be exhausted.
 */
struct digest *digest_begin(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(context);
		context = NULL;
	}
	return (struct digest *)context;
}

void digest_add(struct digest *d, const void *data, size_t n)
{
	EVP_DigestUpdate((EVP_MD_CTX *)d, data, n);
}

struct digest_text digest_end(struct digest *d)
{
	unsigned char sum[EVP_MAX_MD_SIZE] = { 0 };
	struct digest_text t;

	EVP_DigestFinal_ex((EVP_MD_CTX *)d, sum, NULL);
	memcpy(t.text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX));
	for (size_t i = 0; i < DIGEST_HEX / 2; i++)
		snprintf(t.text + sizeof(DIGEST_PREFIX) - 1 + 2 * i, 3, "%02x", sum[i]);
	return t;
}

void digest_free(struct digest *d)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)d);
}

int digest_of(const void *data, size_t n, struct digest_text *ret, struct err *e)
{
	struct digest *d = digest_begin();

	if (!d)
		return err_set(e, ENOMEM, "compute a digest");
	digest_add(d, data, n);
	*ret = digest_end(d);
	digest_free(d);
	return 0;
}
